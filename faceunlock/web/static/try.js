// Try: a photo goes in, and every face comes out boxed and named.

import { $, ask, count, during, make, shoot, takeIn } from './common.js';
import { drawFaces, mark, showResult } from './stage.js';

const COLUMNS = ['Face', 'Name', 'Similarity', 'Needed', 'Most alike', 'Quality', 'Remark'];
const FAULTS = { 'face-too-small': 'small', 'face-cut-off': 'partly outside', 'face-turned': 'turned away', 'eyes-shaded': 'eyes in shade', 'too-dark': 'dark', 'too-blurred': 'blurred' };
const REMARKS = { 'face-too-small': 'too small to compare' };

const score = (value) => (value === null ? '–' : value.toFixed(3));

// Where the photo of the result can be asked about again: a path, and the photo itself if it was uploaded.
let source;

async function attempt(path, photo) {
  const fields = photo && [['photo', photo]];
  const found = await during('try', 'Looking at the photo…', (signal) => ask('POST', path, fields, signal));
  if (!found) return false;
  const { width, height, data } = found;
  source = { path: path === '/try' ? '/why' : `${path}/why`, fields: fields ?? [], width, height, data };
  show(found);
  return true;
}

function show({ data, faults, picture, width, height }) {
  const photo = data.photos[0];
  $('turn').hidden = true;
  const named = photo.faces.filter((face) => face.name !== null);
  $('found').textContent = sentence(photo.faces, named);
  $('meaning').textContent = meaning(data, photo.faces);
  drawFaces({ name: photo.photo, picture, width, height }, photo.faces, label, pickFace);
  $('faces').replaceChildren(...(photo.faces.length ? [table(photo.faces, faults, data)] : []));
  $('why').hidden = true;
  $('why-error').hidden = true;
  showResult();
}

function sentence(faces, named) {
  if (!faces.length) return 'No face was found';
  if (faces.every((face) => face.reason !== null)) {
    return faces.length === 1 ? 'One face, too small to compare' : `${faces.length} faces, all too small to compare`;
  }
  const strangers = faces.length - named.length;
  const who = named.map((face) => face.name).join(', ');
  if (!named.length) return faces.length === 1 ? 'Nobody who is enrolled' : `${faces.length} faces, nobody who is enrolled`;
  return strangers ? `${who}, and ${count(strangers, 'unknown face')}` : who;
}

function meaning(data, faces) {
  if (!faces.length) return 'Use a photo with light on the face, looking at the camera.';
  if (!data.compared) return 'Come closer, or use a larger photo.';
  const people = data.people === 1 ? '1 person' : `${data.people} people`;
  const chance = data.false_name_bound;
  const index = data.search === 'approximate' ? ' An index searched the gallery, so somebody enrolled may be shown as unknown.' : '';
  const risk = chance === null ? '' : data.compared === 1
    ? ` A stranger's face would get one with a chance of at most ${percent(chance)}.`
    : ` If all were strangers, the chance that any gets one is at most ${percent(chance)}.`;
  return `${count(data.compared, 'face')} compared with ${people}. A name needs a similarity of ${score(data.threshold)}.${risk}${index}`;
}

const percent = (chance) => `${Number((chance * 100).toPrecision(2))} %`;

function label(face, index) {
  const who = face.name ?? 'unknown';
  const alike = face.similarity === null ? '' : `, similarity ${score(face.similarity)}`;
  return `Face ${index + 1}: ${who}${alike}`;
}

function table(faces, faults, { threshold: needed, sure_threshold: sure }) {
  const head = make('thead', {}, make('tr', {}, ...COLUMNS.map((name) => make('th', { scope: 'col', text: name }))));
  const rows = faces.map((face, index) => {
    const remark = face.reason ? (REMARKS[face.reason] ?? face.reason)
      : face.name === null ? 'below what is needed'
        : sure !== null && face.similarity < sure ? `perhaps: verify needs ${score(sure)}` : '';
    const who = make('td', { 'data-column': 'Name' }, make('span', { class: face.name === null ? 'word-no' : 'word-yes', text: face.name ?? (face.reason ? 'not compared' : 'unknown') }));
    const cells = [score(face.similarity), score(needed), face.closest ?? '–', faults[index].map((one) => FAULTS[one] ?? one).join(', ') || 'good', remark];
    return make(
      'tr',
      { id: `face-${index}` },
      make('th', { scope: 'row', text: '' }, make('button', { type: 'button', class: 'small', text: `${index + 1} Why?`, 'aria-label': `Why: face ${index + 1}`, onclick: () => pickFace(index, face) })),
      who,
      ...cells.map((cell, at) => make('td', { 'data-column': COLUMNS[at + 2], text: cell })),
    );
  });
  return make('table', {}, make('caption', { text: 'Every face, from left to right' }), head, make('tbody', {}, ...rows));
}

const inside = (share) => Math.min(1, Math.max(0, share));

async function pickFace(index, face) {
  mark(index);
  const [left, top, wide, high] = face.box;
  const place = [inside((left + wide / 2) / source.width), inside((top + high / 2) / source.height)];
  const fields = [...source.fields, ['place', place.join(',')]];
  const found = await during('why', 'Looking closer…', (signal) => ask('POST', source.path, fields, signal));
  if (!found) return;
  const { beside } = found;
  const pairs = (caption, rows) => make('table', { class: 'measures' }, make('caption', { text: caption }), make('tbody', {},
    ...rows.map(([name, ...rest]) => make('tr', {}, make('th', { scope: 'row', text: name }), ...rest.map((text) => make('td', { text }))))));
  $('why').replaceChildren(
    make('h3', { text: `Why: face ${index + 1}` }),
    make('p', {}, make('span', { class: found.answer ? 'word-yes' : 'word-no', text: { true: 'verify would say yes: ', false: 'verify would say no: ' }[found.answer] ?? 'verify could not decide: ' }), found.words),
    ...found.advice.map((text) => make('p', { text })),
    make('div', { class: 'why' },
      make('div', { class: 'two-faces' },
        figure(found.face, `Face ${index + 1} as the network sees it`, 'This face, as the network sees it'),
        beside.face ? figure(beside.face, `The closest enrolled photo: ${beside.words}`, `${beside.words} Similarity ${score(beside.similarity)}.`) : make('p', { class: 'hint', text: beside.words })),
      make('div', {},
        pairs('Similarities, from -1 to 1', found.compared),
        pairs('How good this face is', found.measures.map(([name, value, needed, verdict]) => [name, `${value} (${needed})`.replaceAll(' %', '\u00a0%'), verdict])))),
  );
  $('why').hidden = false;
  $('why').focus();
}

const figure = (src, alt, text) => make('figure', {}, make('img', { src, width: 160, height: 160, alt }), make('figcaption', { text }));

// A folder of this machine: the folders in it to go on to, and its photos as a strip of thumbnails.

async function openFolder(path, fields) {
  const opened = await during('try', 'Opening the folder…', (signal) => ask('POST', path, fields, signal));
  if (!opened) return;
  $('folder-path').value = opened.path;
  const places = opened.folders.map((name, number) =>
    make('button', { type: 'button', class: 'small', text: number === 0 && opened.above ? '↑ up' : name, 'aria-label': number === 0 && opened.above ? 'The folder above' : `Folder ${name}`, onclick: () => openFolder(`/folder/${opened.folder}/into/${number}`) }));
  if (opened.more_folders) places.push(make('span', { class: 'hint', text: `and ${opened.more_folders} more folders` }));
  $('places').replaceChildren(...places);
  $('folder').hidden = false;
  const strip = $('strip');
  const buttons = opened.photos.map((name, number) =>
    make(
      'button',
      { type: 'button', role: 'option', 'aria-selected': 'false', tabindex: number ? '-1' : '0', title: name, 'aria-label': name, onclick: () => choose(number) },
      make('img', { src: `/folder/${opened.folder}/${number}`, alt: '', loading: 'lazy', width: 84, height: 84 }),
    ),
  );
  const choose = async (number, from) => {
    buttons.forEach((button, at) => {
      button.setAttribute('aria-selected', at === number ? 'true' : 'false');
      button.tabIndex = at === number ? 0 : -1;
    });
    buttons[number].scrollIntoView({ block: 'nearest' });
    if (!await attempt(`/folder/${opened.folder}/${number}`)) return;
    for (const [id, to] of [['before', number - 1], ['after', number + 1]]) {
      $(id).disabled = !buttons[to];
      $(id).onclick = () => choose(to, id);
    }
    $('turn-said').textContent = `${opened.photos[number]}, ${number + 1} of ${buttons.length}`;
    $('turn').hidden = buttons.length < 2;
    if (from && !$(from).disabled) $(from).focus({ preventScroll: true });
  };
  strip.onkeydown = (event) => {
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined || !buttons[to]) return;
    event.preventDefault();
    buttons[to].focus();
  };
  strip.replaceChildren(...buttons);
  strip.hidden = !buttons.length;
  $('strip-note').hidden = !opened.more;
  $('strip-note').textContent = `The first ${opened.photos.length} photos; ${opened.more} more are not shown.`;
  (buttons[0] ?? places[0]).focus();
}

takeIn('try', ([photo]) => attempt('/try', photo));
shoot('try', (photo) => attempt('/try', photo));
$('folder-form').addEventListener('submit', (event) => {
  event.preventDefault();
  openFolder('/folder', [['path', $('folder-path').value]]);
});
