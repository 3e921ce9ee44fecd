// Try: a photo goes in, and every face comes out boxed and named.

import { $, ask, during, make, shoot, takeIn } from './common.js';
import { drawFaces, mark, showResult } from './stage.js';

const COLUMNS = ['Face', 'Name', 'Similarity', 'Needed', 'Most alike', 'Remark'];
const REMARKS = { 'face-too-small': 'too small to compare' };

const score = (value) => (value === null ? '–' : value.toFixed(3));
const count = (number, word) => `${number} ${word}${number === 1 ? '' : 's'}`;

// Where the photo of the result can be asked about again: a path, and the photo itself if it was uploaded.
let source;

async function attempt(path, photo) {
  const fields = photo && [['photo', photo]];
  const found = await during('try', 'Looking at the photo…', () => ask('POST', path, fields));
  if (!found) return;
  source = { path: path === '/try' ? '/why' : `${path}/why`, fields: fields ?? [] };
  show(found);
}

function show({ data, picture, width, height }) {
  const photo = data.photos[0];
  const named = photo.faces.filter((face) => face.name !== null);
  $('found').textContent = sentence(photo.faces, named);
  $('meaning').textContent = meaning(data, photo.faces);
  drawFaces({ name: photo.photo, picture, width, height }, photo.faces, label, pickFace);
  $('faces').replaceChildren(...(photo.faces.length ? [table(photo.faces, data.threshold)] : []));
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
  const risk = chance === null ? '' : data.compared === 1
    ? ` A stranger's face would get one with a chance of at most ${percent(chance)}.`
    : ` If all were strangers, the chance that any gets one is at most ${percent(chance)}.`;
  return `${count(data.compared, 'face')} compared with ${people}. A name needs a similarity of ${score(data.threshold)}.${risk}`;
}

const percent = (chance) => `${Number((chance * 100).toPrecision(2))} %`;

function label(face, index) {
  const who = face.name ?? 'unknown';
  const alike = face.similarity === null ? '' : `, similarity ${score(face.similarity)}`;
  return `Face ${index + 1}: ${who}${alike}`;
}

function table(faces, needed) {
  const head = make('thead', {}, make('tr', {}, ...COLUMNS.map((name) => make('th', { scope: 'col', text: name }))));
  const rows = faces.map((face, index) => {
    const remark = face.reason ? (REMARKS[face.reason] ?? face.reason) : face.name === null ? 'below what is needed' : '';
    const who = make('td', { 'data-column': 'Name' }, make('span', { class: face.name === null ? 'word-no' : 'word-yes', text: face.name ?? (face.reason ? 'not compared' : 'unknown') }));
    const cells = [score(face.similarity), score(needed), face.closest ?? '–', remark];
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

async function pickFace(index, face) {
  mark(index);
  const fields = [...source.fields, ['box', face.box.join(',')]];
  const found = await during('why', 'Looking closer…', () => ask('POST', source.path, fields));
  if (!found) return;
  const pairs = (caption, rows) => make('table', { class: 'measures' }, make('caption', { text: caption }), make('tbody', {},
    ...rows.map(([name, ...rest]) => make('tr', {}, make('th', { scope: 'row', text: name }), ...rest.map((text) => make('td', { text }))))));
  $('why').replaceChildren(
    make('h3', { text: `Why: face ${index + 1}` }),
    make('div', { class: 'why' },
      make('figure', {}, make('img', { src: found.face, width: 160, height: 160, alt: `Face ${index + 1} as the network sees it` }), make('figcaption', { text: 'As the network sees it. Photos of enrolled people are not kept, so none stands beside it.' })),
      make('div', {},
        make('p', {}, make('span', { class: found.answer ? 'word-yes' : 'word-no', text: { true: 'verify would say yes: ', false: 'verify would say no: ' }[found.answer] ?? 'verify could not decide: ' }), found.words),
        ...found.advice.map((text) => make('p', { text })),
        pairs('Similarities', found.compared))),
    make('details', {}, make('summary', { text: 'How good this face is' }), pairs('Measures of this face', found.measures.map(([name, value, needed, verdict]) => [name, `${value} (${needed})`, verdict]))),
  );
  $('why').hidden = false;
  $('why').focus();
}

// A folder of this machine, as a strip of thumbnails.

async function openFolder(path) {
  const opened = await during('try', 'Opening the folder…', () => ask('POST', '/folder', [['path', path]]));
  if (!opened) return;
  const strip = $('strip');
  const buttons = opened.photos.map((name, number) =>
    make(
      'button',
      { type: 'button', role: 'option', 'aria-selected': 'false', tabindex: number ? '-1' : '0', title: name, 'aria-label': name, onclick: () => choose(number) },
      make('img', { src: `/folder/${opened.folder}/${number}`, alt: '', loading: 'lazy', width: 84, height: 84 }),
    ),
  );
  const choose = (number) => {
    buttons.forEach((button, at) => {
      button.setAttribute('aria-selected', at === number ? 'true' : 'false');
      button.tabIndex = at === number ? 0 : -1;
    });
    attempt(`/folder/${opened.folder}/${number}`);
  };
  strip.onkeydown = (event) => {
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined || !buttons[to]) return;
    event.preventDefault();
    buttons[to].focus();
  };
  strip.replaceChildren(...buttons);
  strip.hidden = false;
  $('strip-note').hidden = !opened.more;
  $('strip-note').textContent = `The first ${opened.photos.length} photos; ${opened.more} more are not shown.`;
  buttons[0].focus();
}

takeIn('try', ([photo]) => attempt('/try', photo));
shoot('try', (photo) => attempt('/try', photo));
$('folder-form').addEventListener('submit', (event) => {
  event.preventDefault();
  openFolder($('folder-path').value);
});
