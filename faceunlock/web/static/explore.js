// Explore: a heatmap of all similarities and a map of the embeddings, for mouse and keyboard.

import { $, ask, draw, during, make } from './common.js';

const PEOPLE = ['#2f81f7', '#d2691e', '#2da44e', '#a371f7', '#cf222e', '#0e8a8a', '#bf8700', '#db61a2', '#6e7781', '#7a5c00'];
const ABOVE = [47, 129, 247];
const BELOW = [222, 130, 60];
const GREY = [128, 128, 128];

let data;
let cell; // row and column under the cursor
let kept = false; // whether the open pair stays when the mouse moves on
let at; // photo under the cursor of the map

$('open').addEventListener('submit', async (event) => {
  event.preventDefault();
  const found = await during('open', 'Comparing every photo with every photo…', (signal) => ask('POST', '/explore', [['path', $('path').value]], signal));
  if (!found) return;
  data = found;
  pictures = [];
  kept = false;
  cell = [0, Math.min(1, data.photos.length - 1)];
  at = 0;
  $('pair').hidden = true;
  $('photo').hidden = true;
  $('pair-said').textContent = '';
  $('map-said').textContent = '';
  const people = new Set(data.photos.map((photo) => photo.person)).size;
  const part = data.all > data.photos.length ? ` ${data.photos.length} of ${data.all} are shown.` : '';
  $('summary').textContent = `${data.photos.length} photos of ${people} people.${part} Two photos match from a similarity of ${data.threshold.toFixed(3)}.`;
  $('legend').replaceChildren(swatch(1, 'match'), swatch(data.threshold - 0.001, 'just below'), swatch(lowest(), `least alike, ${lowest().toFixed(2)}`));
  $('left').replaceChildren(...data.left_out.map((one) => make('li', { text: `${one.photo}: ${one.reason}` })));
  $('left-section').hidden = !data.left_out.length;
  $('found').hidden = false;
  pictures = await Promise.all(data.photos.map(async ({ face }) => {
    const picture = make('img', { src: face });
    await picture.decode();
    return picture;
  }));
  drawHeat();
  drawMap();
  $('similarity').focus();
});

const lowest = () => data.lowest ??= Math.min(...data.similarity.flat());

// Blue from the threshold on; below it from grey to orange, the less alike the stronger.
function colour(similarity) {
  const { threshold } = data;
  const [to, share] = similarity >= threshold
    ? [ABOVE, 0.45 + (0.55 * (similarity - threshold)) / Math.max(1e-6, 1 - threshold)]
    : [BELOW, (threshold - similarity) / Math.max(1e-6, threshold - lowest())];
  return to.map((value, index) => Math.round(GREY[index] + (value - GREY[index]) * Math.min(1, share)));
}

function swatch(similarity, text) {
  const box = make('canvas', { width: 16, height: 16, 'aria-hidden': 'true' });
  const brush = box.getContext('2d');
  brush.fillStyle = `rgb(${colour(similarity)})`;
  brush.fillRect(0, 0, 16, 16);
  return make('span', {}, box, ` ${text} `);
}

// Each photo has its face along the sides; where cells are too small for that, each person has one.
const LEGIBLE = 24; // pixels
const LARGEST = 64;
const SIDE = 44; // of a person's face

function measured() {
  const many = data.photos.length;
  const frame = $('heat-frame').clientWidth;
  const each = Math.min(LARGEST, frame / (many + 1));
  const fine = each >= LEGIBLE;
  const edge = Math.round(fine ? each : Math.min(SIDE, frame / 8)) + GAP;
  const dots = window.devicePixelRatio;
  const step = Math.min(LARGEST, (frame - edge) / many);
  const starts = data.photos.map((_, index) => index).filter((index) => fine || !index || data.photos[index].person !== data.photos[index - 1].person);
  return { edge, step, dots, size: edge + step * many, starts };
}
const GAP = 4;

let pictures = []; // the faces of the photos, decoded

function drawHeat() {
  const canvas = $('heat');
  const many = data.photos.length;
  if (pictures.length !== many) return; // they are on their way
  const { edge, step, dots, size, starts } = measured();
  Object.assign(canvas, { width: Math.round(size * dots), height: Math.round(size * dots) });
  canvas.style.width = `${size}px`;
  const brush = canvas.getContext('2d');
  brush.scale(dots, dots);
  const at = (index) => Math.round((edge + index * step) * dots) / dots; // whole pixels, so that no seam shows
  starts.forEach((start, number) => {
    const room = ((starts[number + 1] ?? many) - start) * step;
    const side = Math.min(room - 1, edge - GAP);
    const along = edge + start * step + (room - side) / 2;
    brush.drawImage(pictures[start], along, edge - GAP - side, side, side);
    brush.drawImage(pictures[start], edge - GAP - side, along, side, side);
  });
  data.similarity.forEach((row, y) => row.forEach((value, x) => {
    brush.fillStyle = x === y ? 'rgb(128 128 128 / .25)' : `rgb(${colour(value)})`;
    brush.fillRect(at(x), at(y), at(x + 1) - at(x), at(y + 1) - at(y));
  }));
  brush.strokeStyle = getComputedStyle(document.body).backgroundColor;
  brush.lineWidth = 2;
  data.photos.forEach((photo, index) => {
    if (!index || photo.person === data.photos[index - 1].person) return;
    brush.strokeRect(at(index), edge - 2, 0, size);
    brush.strokeRect(edge - 2, at(index), size, 0);
  });
  if (document.activeElement === canvas || kept) {
    brush.strokeStyle = getComputedStyle(document.body).color;
    brush.strokeRect(edge + cell[1] * step, edge + cell[0] * step, step, step);
  }
}

function sayPair() {
  const [one, other] = cell.map((index) => data.photos[index]);
  $('pair-said').textContent = cell[0] === cell[1] ? `${one.person}: ${one.name}` : `${one.name} and ${other.name}: ${verdict()}`;
}

function verdict() {
  const value = data.similarity[cell[0]][cell[1]];
  return `${value.toFixed(3)}, ${value >= data.threshold ? 'match' : 'no match'}`;
}

function openPair() {
  if (cell[0] === cell[1]) {
    $('pair').hidden = true;
    return;
  }
  const same = data.photos[cell[0]].person === data.photos[cell[1]].person;
  const match = data.similarity[cell[0]][cell[1]] >= data.threshold;
  const wrong = same === match ? '' : same ? ' One person, and no match: a photo to look at.' : ' Two people, and a match: look whether both folders are right.';
  $('pair').replaceChildren(...cell.map((index) => face(data.photos[index])), make('p', {}, make('span', { class: same === match ? 'word-yes' : 'word-no', text: verdict() }), `.${wrong}`));
  $('pair').hidden = false;
}

const face = (photo) => make('figure', {}, make('img', { src: photo.face, alt: `Face of ${photo.person}`, width: 96, height: 96 }), make('figcaption', { text: `${photo.person}: ${photo.name}` }));

const heat = $('heat');
function under(event) {
  const box = heat.getBoundingClientRect();
  const { edge, step } = measured();
  const place = (value, start) => Math.min(data.photos.length - 1, Math.max(0, Math.floor((value - start - edge) / step)));
  cell = [place(event.clientY, box.top), place(event.clientX, box.left)];
  // On a face along the sides: that photo itself.
  if (event.clientY - box.top < edge) cell[0] = cell[1];
  else if (event.clientX - box.left < edge) cell[1] = cell[0];
  sayPair();
}
heat.addEventListener('mousemove', (event) => {
  if (kept) return;
  under(event);
  openPair();
});
heat.addEventListener('click', (event) => {
  kept = !kept;
  under(event);
  openPair();
  drawHeat();
});
heat.addEventListener('focus', drawHeat);
heat.addEventListener('blur', drawHeat);
heat.addEventListener('keydown', (event) => {
  const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
  if (event.key === 'Enter') {
    kept = true;
    openPair();
  }
  if (!step) return;
  event.preventDefault();
  cell = cell.map((index, axis) => Math.min(data.photos.length - 1, Math.max(0, index + step[axis])));
  sayPair();
  drawHeat();
});
window.addEventListener('resize', () => data && drawHeat());

function drawMap() {
  $('map-section').hidden = !data.points.length;
  if (!data.points.length) return;
  const [wide, high, edge] = [900, 560, 24];
  const range = (axis) => {
    const values = data.points.map((point) => point[axis]);
    return [Math.min(...values), Math.max(...values)];
  };
  const [[left, right], [low, top]] = [range(0), range(1)];
  const x = (value) => edge + ((value - left) / Math.max(1e-9, right - left)) * (wide - 2 * edge);
  const y = (value) => high - edge - ((value - low) / Math.max(1e-9, top - low)) * (high - 2 * edge);
  const people = [...new Set(data.photos.map((photo) => photo.person))];
  const svg = draw('svg', { viewBox: `0 0 ${wide} ${high}`, tabindex: 0, role: 'application', 'aria-label': 'Map of the photos; arrow keys move from photo to photo' });
  data.points.forEach((point, index) => {
    const dot = draw('circle', { cx: x(point[0]), cy: y(point[1]), r: 9, fill: PEOPLE[people.indexOf(data.photos[index].person) % PEOPLE.length] });
    dot.addEventListener('mouseenter', () => sayPhoto(index));
    dot.addEventListener('click', () => openPhoto(index));
    svg.append(dot);
  });
  svg.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === 'Enter') openPhoto(at);
    if (!step) return;
    event.preventDefault();
    sayPhoto((at + step + data.points.length) % data.points.length);
  });
  const key = make('p', { class: 'legend' }, ...people.map((name, index) => {
    const dot = draw('svg', { viewBox: '0 0 12 12', width: 12, height: 12, 'aria-hidden': 'true' });
    dot.append(draw('circle', { cx: 6, cy: 6, r: 6, fill: PEOPLE[index % PEOPLE.length] }));
    return make('span', {}, dot, ` ${name} `);
  }));
  $('map').replaceChildren(svg, key);
}

function sayPhoto(index) {
  at = index;
  for (const dot of document.querySelectorAll('#map circle.here')) dot.classList.remove('here');
  document.querySelectorAll('#map > svg:first-child circle')[index].classList.add('here');
  const photo = data.photos[index];
  $('map-said').textContent = `${photo.person}: ${photo.name}`;
}

function openPhoto(index) {
  sayPhoto(index);
  const ranked = data.similarity[index].map((value, other) => [value, other]).filter(([, other]) => other !== index).sort((one, other) => other[0] - one[0]).slice(0, 3);
  const alike = ranked.map(([value, other]) => `${data.photos[other].name} (${value.toFixed(3)})`).join(', ');
  $('photo').replaceChildren(face(data.photos[index]), make('p', { text: `Most alike: ${alike}.` }));
  $('photo').hidden = false;
}
