// Classify: a trained head names the faces of a photo, with probabilities and "none of these".

import { $, ask, during, make, say, shoot, takeIn } from './common.js';
import { drawFaces, mark, showResult } from './stage.js';

const COLUMNS = ['Face', 'Name', 'Most probable', 'Probability', 'Similarity', 'Needed'];
const NONE = 'none of these';

async function name(photo) {
  const head = $('head').value.trim();
  if (!head) {
    say('classify', { message: 'Name the folder of a classifier first', hint: '' });
    $('head').focus();
    return;
  }
  const found = await during('classify', 'Looking at the photo…', (signal) => ask('POST', '/classify', [['photo', photo], ['head', head]], signal));
  if (found) show(found, photo);
}

function show({ data, picture, width, height }, photo) {
  const faces = data.photos;
  const named = faces.filter((face) => face.name !== null).map((face) => face.name);
  const others = faces.length - named.length;
  const rest = others === 1 ? `1 face is ${NONE}` : `${others} faces are ${NONE}`;
  $('found').textContent = [named.join(', '), others ? rest : ''].filter(Boolean).join('; ');
  drawFaces({ name: photo.name, picture, width, height }, faces, label, mark);
  const rows = faces.map((face, index) =>
    make('tr', { id: `face-${index}` },
      make('th', { scope: 'row', text: `${index + 1}` }),
      make('td', { 'data-column': 'Name' }, make('span', { class: face.name === null ? 'word-no' : 'word-yes', text: face.name ?? NONE })),
      ...[face.closest, `${(100 * face.probability).toFixed(1)} %`, face.similarity.toFixed(3), face.threshold.toFixed(3)].map((text, at) => make('td', { 'data-column': COLUMNS[at + 2], text }))));
  const small = data.unjudged ? ` ${data.unjudged} more too small to judge.` : '';
  $('faces').replaceChildren(make('table', {},
    make('caption', { text: `Every face, from left to right; the similarity decides between a name and “${NONE}”.${small}` }),
    make('thead', {}, make('tr', {}, ...COLUMNS.map((text) => make('th', { scope: 'col', text })))),
    make('tbody', {}, ...rows)));
  showResult();
}

function label(face, index) {
  return `Face ${index + 1}: ${face.name ?? NONE}, most probable ${face.closest}, ${(100 * face.probability).toFixed(1)} %`;
}

takeIn('classify', ([photo]) => name(photo));
shoot('classify', name);
$('open').addEventListener('submit', (event) => event.preventDefault());
