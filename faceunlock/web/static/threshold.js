// Threshold: the numbers, the histograms and the DET curve move with a slider.

import { $, ask, count, draw, during, make, question, say } from './common.js';

const WIDE = 600;
const HIGH = 260;
const LEFT = 84;
const BELOW = 36;
const FIRST = 8; // of those who are wronged, shown at once
const MARGIN = 0.005;
const WAIT = 120; // milliseconds after which a moving slider counts as still

let data;
let timer;
let doubt = ''; // what to ask about before the threshold is saved
let position; // the threshold that is shown, finer than the slider's steps

const url = (part = '') => `/threshold/${data.name}${part}`;

$('open').addEventListener('submit', async (event) => {
  event.preventDefault();
  const found = await during('open', 'Comparing…', (signal) => ask('POST', '/threshold', [['source', $('source').value]], signal));
  if (!found) return;
  data = found;
  // The slider and the axis hold every similarity, and the thresholds that are there already.
  data.low = Math.min(data.edges[0], data.now, data.shipped) - MARGIN;
  data.high = Math.min(1, Math.max(data.edges.at(-1), data.now, data.shipped) + MARGIN);
  Object.assign($('range'), { min: data.low.toFixed(3), max: data.high.toFixed(3) });
  $('data').textContent = `${data.data}: ${count(data.people, 'person', 'people')} and ${count(data.strangers, 'stranger')}, model ${data.model}.`;
  $('now').textContent = `In use now: ${data.now.toFixed(4)} (${data.status}).`;
  $('target').value = [...$('target').options].find((one) => Number(one.value) === data.target)?.value ?? '1e-4';
  $('saved').textContent = '';
  $('judge').hidden = false;
  drawHistogram();
  drawCurve();
  move(data.now, true);
  $('slide').focus();
});

function move(threshold, soon = false) {
  position = threshold;
  $('range').value = threshold;
  if (document.activeElement !== $('number')) $('number').value = threshold.toFixed(4);
  $('range').setAttribute('aria-valuetext', `threshold ${threshold.toFixed(3)}`);
  placeLine(threshold);
  if ($('use')) {
    $('use').textContent = `Use ${threshold.toFixed(4)}`;
    $('use').disabled = true; // until it is known what it keeps
  }
  clearTimeout(timer);
  timer = setTimeout(async () => {
    const found = await during('move', 'Counting…', (signal) => ask('POST', url(), [['threshold', String(threshold)]], signal));
    if (found) show(found);
  }, soon ? 0 : WAIT);
}

function show({ fmr, fnmr, refused, admitted, target, keeps }) {
  $('fmr').textContent = fmr.words;
  $('fnmr').textContent = fnmr.words;
  $('spoken').textContent = `Strangers let in: ${fmr.words}. Own people refused: ${fnmr.words}.`;
  $('refused-title').textContent = `Own photos refused: ${fnmr.value === null ? 'cannot tell' : fnmr.errors.toLocaleString('en')}`;
  $('admitted-title').textContent = `Strangers let in: ${fmr.errors.toLocaleString('en')}`;
  const own = fnmr.value === null ? 'None were compared: that takes a folder with photos of each person.' : 'None of those compared.';
  list('refused', refused, (one) => `${below(one.photo)}: ${one.similarity.toFixed(3)}, would not be taken for ${one.person}`, own);
  list('admitted', admitted, (one) => `${below(one.photo)}: ${one.similarity.toFixed(3)}, would be taken for ${one.person}`, 'None of those compared.');
  const lower = target !== null && position < data.shipped ? ` It is below the threshold that comes with the model, ${data.shipped.toFixed(4)}.` : '';
  const weak = target !== null && target > data.target ? ` That proves less than your aim, ${data.target}; comparing more people proves more.` : '';
  $('keeps').textContent = `${keeps}${weak}${lower}`;
  doubt = weak || lower ? $('keeps').textContent : '';
  if ($('use')) $('use').disabled = target === null;
}

// A photo's path below the folder that was compared.
const below = (photo) => (data.root && photo.startsWith(`${data.root}/`) ? photo.slice(data.root.length + 1) : photo);

function list(id, rows, words, none) {
  const items = rows.map((one) => make('li', { text: words(one) }));
  const rest = items.splice(FIRST);
  const more = rest.length ? [make('li', {}, make('details', {}, make('summary', { text: `${rest.length} more, less extreme` }), make('ul', { class: 'said-list' }, ...rest)))] : [];
  $(id).replaceChildren(...(rows.length ? [...items, ...more] : [make('li', { class: 'hint', text: none })]));
}

$('range').addEventListener('input', () => move(Number($('range').value)));
$('number').addEventListener('input', () => {
  const typed = Number($('number').value);
  if ($('number').value && typed >= -1 && typed <= 1) move(typed);
});

// Saving, by the rules of calibrate.

$('aim').addEventListener('submit', async (event) => {
  event.preventDefault();
  $('saved').textContent = '';
  const found = await during('save', 'Looking for the threshold…', (signal) => ask('POST', url('/target'), [['target', $('target').value]], signal));
  if (!found) return;
  move(found.threshold, true);
  if (!found.supported) say('save', found);
});

async function save() {
  const threshold = position;
  const lower = threshold < data.shipped;
  $('saved').textContent = '';
  if (doubt && !await question(`${doubt} Use ${threshold.toFixed(4)} all the same?${lower ? ' Only if these photos show your real conditions.' : ''}`, 'Use it')) return;
  const fields = [['threshold', String(threshold)], ...(lower ? [['allow_lower', 'true']] : [])];
  const done = await during('save', 'Saving…', (signal) => ask('POST', url('/save'), fields, signal));
  if (done) {
    $('saved').textContent = `From now on ${done.threshold.toFixed(4)} is needed for a yes; its target FMR is ${done.target}.`;
    $('now').textContent = `In use now: ${done.threshold.toFixed(4)} (calibrated).`;
  }
}

$('use')?.addEventListener('click', () => save());

// Drawings

const words = (x, y, text, anchor = 'middle') => draw('text', { x, y, 'text-anchor': anchor }, document.createTextNode(text));
const across = (value) => LEFT + ((value - data.low) / (data.high - data.low)) * (WIDE - LEFT - 26);

function drawHistogram() {
  const most = Math.max(...data.genuine, ...data.impostor);
  const y = (share) => HIGH - BELOW - (share / most) * (HIGH - BELOW - 14);
  const steps = (shares) => {
    const parts = [`M${across(data.edges[0])},${y(0)}`];
    shares.forEach((share, at) => parts.push(`V${y(share)}`, `H${across(data.edges[at + 1])}`));
    return [...parts, `V${y(0)}Z`].join('');
  };
  const ticks = [0, 1, 2, 3, 4].map((at) => data.low + (at / 4) * (data.high - data.low));
  const svg = draw('svg', { viewBox: `0 0 ${WIDE} ${HIGH}`, role: 'img', 'aria-label': 'Histograms of the similarities of own and of other people' },
    draw('path', { class: 'other', d: steps(data.impostor) }),
    draw('path', { class: 'own', d: steps(data.genuine) }),
    draw('line', { class: 'axis', x1: LEFT, x2: WIDE - 24, y1: y(0), y2: y(0) }),
    ...ticks.map((tick) => words(across(tick), HIGH - 14, tick.toFixed(2))),
    words(LEFT - 8, y(most) + 8, `${(most * 100).toPrecision(2)} %`, 'end'),
    words(LEFT - 8, y(0), '0', 'end'),
    draw('line', { class: 'line', id: 'line', y1: 4, y2: y(0) }));
  $('histogram').replaceChildren(svg);
}

const log = (rate, floor) => Math.log10(Math.max(rate, floor));

function drawCurve() {
  $('det-figure').hidden = !data.det.length;
  if (!data.det.length) return;
  const smallest = (at) => Math.min(...data.det.map((point) => point[at]).filter((rate) => rate > 0), 0.1) / 2;
  const floors = [smallest(1), smallest(2)];
  const x = (rate) => LEFT + ((log(rate, floors[0]) - Math.log10(floors[0])) / -Math.log10(floors[0])) * (WIDE - LEFT - 24);
  const y = (rate) => HIGH - BELOW - ((log(rate, floors[1]) - Math.log10(floors[1])) / -Math.log10(floors[1])) * (HIGH - BELOW - 14);
  const powers = (floor) => Array.from({ length: Math.floor(-Math.log10(floor)) + 1 }, (_, at) => 10 ** -at);
  const name = (rate) => (rate >= 0.01 ? `${rate * 100} %` : rate.toExponential(0));
  const path = data.det.map(([, fmr, fnmr], at) => `${at ? 'L' : 'M'}${x(fmr)},${y(fnmr)}`).join('');
  $('det').replaceChildren(draw('svg', { viewBox: `0 0 ${WIDE} ${HIGH}`, role: 'img', 'aria-label': 'DET curve' },
    ...powers(floors[0]).flatMap((rate) => [draw('line', { class: 'grid', x1: x(rate), x2: x(rate), y1: 8, y2: HIGH - BELOW }), words(rate === 1 ? WIDE : x(rate), HIGH - 14, name(rate), rate === 1 ? 'end' : 'middle')]),
    ...powers(floors[1]).flatMap((rate) => [draw('line', { class: 'grid', x1: LEFT, x2: WIDE - 24, y1: y(rate), y2: y(rate) }), words(LEFT - 8, y(rate) + 5, name(rate), 'end')]),
    draw('path', { class: 'curve', d: path }),
    draw('circle', { class: 'dot', id: 'dot', r: 7 })));
  drawCurve.place = (fmr, fnmr) => {
    $('dot').setAttribute('cx', x(fmr));
    $('dot').setAttribute('cy', y(fnmr));
  };
}

function placeLine(threshold) {
  const at = across(Math.min(Math.max(threshold, data.low), data.high));
  $('line').setAttribute('x1', at);
  $('line').setAttribute('x2', at);
  if (!data.det.length) return;
  const point = data.det.find(([one]) => one >= threshold) ?? [1, 0, 1];
  drawCurve.place(point[1], point[2]);
}
