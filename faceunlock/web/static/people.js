// People: who is enrolled, and enrolling from photos or the camera.

import { $, Camera, Refused, ask, askOr, during, make, question, say, takeIn } from './common.js';

const API = '/api/v1/people';
const ENOUGH = 8; // photos the camera takes
const LOOK_AGAIN = 350; // milliseconds between two looks through the camera
const PAUSE = 1800; // milliseconds for the next pose
const PATIENCE = 7000; // milliseconds after which a pose is not waited for

const address = (name) => `${API}/${encodeURIComponent(name)}`;
const readOnly = !$('enroll');
let people = [];

async function list() {
  const found = await during('people', 'Reading the gallery…', () => ask('GET', API));
  if (!found) return;
  people = found.people;
  $('cards').replaceChildren(...people.map(card));
  $('nobody').hidden = people.length > 0;
}

function card(person) {
  const many = person.photos === 1 ? '1 photo' : `${person.photos} photos`;
  const when = new Date(person.updated).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' });
  const button = (text, action) => make('button', { type: 'button', text, 'aria-label': `${text}: ${person.name}`, onclick: action });
  const looks = person.looks.map((look) =>
    make('p', { class: 'hint', text: `Look ${look.name}: ${look.photos} photos ` }, ...(readOnly ? [] : [
      make('button', { type: 'button', text: 'Forget', 'aria-label': `Forget the look ${look.name} of ${person.name}`, onclick: () => forgetLook(person.name, look.name) }),
    ])),
  );
  const actions = readOnly ? [] : [
    make('p', { class: 'buttons' },
      button('Add photos', () => prepare(person.name, 'add')),
      button('Add a look', () => prepare(person.name, 'look')),
      button('Rename', () => rename(person.name)),
      button('Forget', () => forget(person.name))),
  ];
  return make('li', {}, make('h3', { text: person.name }), make('p', { class: 'hint', text: `${many}, model ${person.model.model}, ${when}` }), ...looks, ...actions);
}

async function change(doing, task) {
  const done = await during('people', doing, async () => (await task()) ?? true);
  if (done) await list();
}

async function forget(name) {
  if (await question(`Forget ${name} for good? The photos on your disk stay where they are.`, 'Forget')) {
    await change('Forgetting…', () => ask('DELETE', address(name)));
  }
}

async function forgetLook(name, look) {
  if (await question(`Forget the look ${look} of ${name} for good?`, 'Forget')) {
    await change('Forgetting…', () => ask('DELETE', `${address(name)}/looks/${encodeURIComponent(look)}`));
  }
}

async function rename(name) {
  const given = await question(`Rename ${name}`, 'Rename', { label: 'New name', value: name });
  if (typeof given === 'string' && given !== name) await change('Renaming…', () => ask('PATCH', address(name), [['name', given]]));
}

// Enrolment

const chosen = [];

function prepare(name, how) {
  $('name').value = name;
  $('how').value = how;
  showLook();
  $('enroll-title').scrollIntoView();
  (how === 'look' ? $('look') : $('enroll-file')).focus();
}

function showLook() {
  $('look-field').hidden = $('how').value !== 'look';
}

function add(photos) {
  for (const photo of photos) chosen.push(photo);
  showChosen();
}

function showChosen() {
  $('chosen').replaceChildren(...chosen.map((photo, number) => {
    const url = URL.createObjectURL(photo);
    const picture = make('img', { src: url, alt: photo.name, title: photo.name, width: 96, height: 96 });
    picture.addEventListener('load', () => URL.revokeObjectURL(url));
    // A format that this browser cannot show can be enrolled all the same.
    picture.addEventListener('error', () => picture.replaceWith(make('span', { class: 'no-picture', text: photo.name })));
    const remove = make('button', { type: 'button', text: '×', 'aria-label': `Take out ${photo.name}`, onclick: () => {
      chosen.splice(number, 1);
      showChosen();
    } });
    return make('li', {}, picture, remove);
  }));
}

async function enroll(extra = []) {
  const name = $('name').value.trim();
  const how = $('how').value;
  $('outcome').hidden = true;
  if (!name) {
    say('enroll', { message: 'Give the person a name', hint: '' });
    $('name').focus();
    return;
  }
  if (!chosen.length) {
    say('enroll', { message: 'Choose photos first', hint: '' });
    $('enroll-file').focus();
    return;
  }
  const fields = [...chosen.map((photo) => ['photos', photo]), ...extra];
  if (how === 'look') fields.push(['look', $('look').value.trim()]);
  if (how === 'add' || how === 'replace') fields.push([how, 'true']);
  $('go').disabled = true;
  const done = await during('enroll', `Looking at ${chosen.length} photos…`, () => askOr(Object.keys(ASKED), 'POST', address(name), fields));
  $('go').disabled = false;
  if (done instanceof Refused) {
    const [field, text] = ASKED[done.code];
    if (await question(`${done.message}. ${text}`, 'Enroll anyway')) await enroll([...extra, [field, 'true']]);
  } else if (done) {
    chosen.length = 0;
    showChosen();
    showOutcome(done);
    await list();
  }
}

const ASKED = {
  'second-name': ['even_so', 'Are these two people?'],
  'unlike-the-person': ['accept', 'Do the photos show this person?'],
};

function showOutcome(done) {
  const used = make('ul', { class: 'said-list' }, ...done.used.map((photo) => make('li', { text: photo })));
  const refused = make('ul', { class: 'said-list' }, ...done.left_out.map((one) => make('li', { text: `${one.photo}: ${one.detail.replace(`${one.photo}: `, '')}` })));
  const who = done.look ? `${done.name}, look ${done.look},` : done.name;
  const parts = [
    make('p', {}, make('span', { class: 'word-yes', text: `${who} is enrolled.` }), ` ${done.used.length} of ${done.photos} photos were used; their similarity to each other is ${done.mean_similarity.toFixed(3)} on average.`),
    make('details', {}, make('summary', { text: `Photos used: ${done.used.length}` }), used),
  ];
  if (done.left_out.length) parts.push(make('p', { text: `Photos left out, and why:` }), refused);
  if (done.template_photos < 5) parts.push(make('p', { class: 'hint', text: 'Five or more photos are recommended.' }));
  $('outcome').replaceChildren(...parts);
  $('outcome').hidden = false;
  $('outcome').focus();
}

// The camera takes photos by itself, while it says what to do.

async function guide(camera) {
  let taken = 0;
  let since = performance.now();
  while (camera.stream && taken < ENOUGH) {
    const photo = await camera.photo(`camera-${taken + 1}.jpg`);
    let seen;
    try {
      seen = await ask('POST', '/look', [['photo', photo], ['taken', String(taken)]]);
    } catch (error) {
      say('enroll', error);
      break;
    }
    if (!camera.stream) break;
    const waited = performance.now() - since;
    const said = `${taken + 1} of ${ENOUGH}: ${seen.say}.`;
    if ($('enroll-said').textContent !== said) $('enroll-said').textContent = said;
    if ((seen.good && waited > PAUSE) || (seen.clear && waited > PATIENCE)) {
      add([photo]);
      taken += 1;
      since = performance.now();
    }
    await new Promise((done) => setTimeout(done, LOOK_AGAIN));
  }
  if (camera.stream) {
    camera.close();
    $('go').focus();
  }
}

if (!readOnly) {
  takeIn('enroll', add);
  const camera = new Camera('enroll', { opened: () => guide(camera) });
  $('enroll-shoot').addEventListener('click', async () => add([await camera.photo(`camera-${chosen.length + 1}.jpg`)]));
  $('how').addEventListener('change', showLook);
  $('enroll').addEventListener('submit', (event) => {
    event.preventDefault();
    enroll();
  });
}
list();
