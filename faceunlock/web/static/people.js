// People: who is enrolled, and enrolling from photos or the camera.

import { $, Camera, Refused, ask, askOr, count, during, make, question, say, takeIn } from './common.js';

const API = '/api/v1/people';
const ENOUGH = 8; // photos the camera takes
const LOOK_AGAIN = 350; // milliseconds between two looks through the camera
const PAUSE = 1800; // milliseconds for the next pose
const PATIENCE = 7000; // milliseconds after which a pose is not waited for

const address = (name) => `${API}/${encodeURIComponent(name)}`;
const readOnly = !$('enroll');
let people = [];

async function list() {
  const found = await during('people', 'Reading the gallery…', (signal) => ask('GET', API, undefined, signal));
  if (!found) return;
  people = found.people;
  $('cards').replaceChildren(...people.map(card));
  $('nobody').hidden = people.length > 0;
  if (!readOnly) $('to-enroll').hidden = !people.length;
}

function card(person) {
  const when = new Date(person.updated).toLocaleDateString([], { dateStyle: 'medium' });
  const button = (text, action) => make('button', { type: 'button', text, 'aria-label': `${text}: ${person.name}`, onclick: action });
  const looks = person.looks.map((look) =>
    make('p', { class: 'hint', text: `Look ${look.name}: ${count(look.photos, 'photo')} ` }, ...(readOnly ? [] : [
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
  return make('li', {}, make('h3', { text: person.name }), make('p', { class: 'hint', text: `${count(person.photos, 'photo')}, model ${person.model.model}` }), make('p', { class: 'hint', text: `Last changed ${when}` }), ...looks, ...actions);
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
    const picture = pictureOf(photo, 96, () => make('span', { class: 'no-picture', text: photo.name }));
    picture.alt = photo.name;
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
  const looking = `Looking at ${count(chosen.length, 'photo')}…`;
  const done = await during('enroll', looking, (signal) => askOr(Object.keys(ASKED), 'POST', address(name), fields, signal), showRefused);
  $('go').disabled = false;
  if (done instanceof Refused) {
    const [field, text] = ASKED[done.code];
    const sure = await question(`${done.message.replace(/[.]?$/, '.')} ${text}`, 'Enroll anyway');
    if (sure) await enroll([...extra, [field, 'true']]);
    else {
      say('enroll', { message: 'Nothing was stored' });
      showRefused(done);
    }
  } else if (done) {
    showOutcome(done);
    chosen.length = 0;
    showChosen();
    await list();
  } else {
    await list(); // it may have been stopped too late
  }
}

const ASKED = {
  'second-name': ['even_so', 'Are these two people?'],
  'unlike-the-person': ['accept', 'Do the photos show this person?'],
};

function showOutcome(done) {
  const who = done.look ? `${done.name}, look ${done.look},` : done.name;
  const how = ` ${done.used.length} of ${count(done.photos, 'photo')} ${done.used.length === 1 ? 'was' : 'were'} used; their similarity to each other is ${done.mean_similarity.toFixed(3)} on average.`;
  const few = done.template_photos < 5 ? [make('p', { class: 'hint', text: 'Five or more photos are recommended.' })] : [];
  tell(make('p', {}, make('span', { class: 'word-yes', text: `${who} is enrolled.` }), how), ...few, photoTable(done.used, 'used', done.left_out));
  $('outcome').focus();
}

// Why an enrolment was refused, photo by photo; the photos stay chosen, so that some can be taken out.
function showRefused({ usable, left_out, groups }) {
  const shown = groups.flatMap((photos, number) => photos.map((photo) => [photo, `person ${number + 1}`]));
  if (usable.length + left_out.length + shown.length === 0) return;
  tell(photoTable(usable, 'could be used', left_out, shown));
}

function tell(...parts) {
  $('outcome').replaceChildren(...parts);
  $('outcome').hidden = false;
}

function photoTable(good, word, left_out, others = []) {
  const row = (photo, kind, verdict, why) =>
    make('tr', {}, make('th', { scope: 'row', class: 'named-photo' }, make('div', {}, thumbnail(photo), make('span', { text: photo }))), make('td', { 'data-column': 'Result' }, make('span', { class: kind, text: verdict })), make('td', { 'data-column': 'Why', text: why }));
  return make('table', { class: 'outcome' }, make('caption', { text: 'Photo by photo' }),
    make('thead', {}, make('tr', {}, ...['Photo', 'Result', 'Why'].map((text) => make('th', { scope: 'col', text })))),
    make('tbody', {},
      ...left_out.map((one) => row(one.photo, 'word-no', 'left out', one.detail.replace(`${one.photo}: `, ''))),
      ...others.map(([photo, who]) => row(photo, 'word-no', who, 'enroll each person alone')),
      ...good.map((photo) => row(photo, 'word-yes', word, ''))));
}

// A small picture of a chosen photo, if only one has this name and the browser can show it.
function thumbnail(name) {
  const same = chosen.filter((photo) => photo.name === name);
  return same.length === 1 ? pictureOf(same[0], 48, () => make('span', { class: 'no-picture' })) : make('span', { class: 'no-picture' });
}

function pictureOf(photo, side, instead) {
  const url = URL.createObjectURL(photo);
  const picture = make('img', { src: url, alt: '', title: photo.name, width: side, height: side });
  picture.addEventListener('load', () => URL.revokeObjectURL(url));
  // A format that this browser cannot show can be enrolled all the same.
  picture.addEventListener('error', () => picture.replaceWith(instead()));
  return picture;
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
