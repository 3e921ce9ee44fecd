// A photo with a box and a name on every face, for mouse, keyboard and screen reader.

import { $, draw, make, set } from './common.js';

const LETTERS = 14; // pixels
const MOST = 20; // letters of a name on the photo

// Draws a photo with its faces into the stage; `picked` hears of the face that is chosen.
export function drawFaces({ name, picture, width, height }, faces, label, picked) {
  $('stage').replaceChildren(
    make('img', { src: picture, alt: `The photo ${name}`, width, height }),
    overlay(faces, width, height, label, picked),
  );
}

function overlay(faces, width, height, label, picked) {
  const layer = draw('svg', { viewBox: `0 0 ${width} ${height}` });
  faces.forEach((face, index) => {
    const [left, top, wide, high] = face.box;
    const group = draw('g', { class: face.name === null ? 'unknown' : 'named', tabindex: 0, role: 'button', 'aria-label': label(face, index) });
    const text = draw('text', {});
    text.textContent = `${index + 1} ${shortened(face.name ?? '?')}`;
    group.append(draw('rect', { class: 'box', x: left, y: top, width: wide, height: high }), draw('rect', { class: 'tag' }), text);
    const pick = () => picked(index, face);
    group.addEventListener('click', pick);
    group.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' || event.key === ' ') {
        event.preventDefault();
        pick();
      }
    });
    layer.append(group);
  });
  return layer;
}

// The tag of a long name would hide the faces beside it; the table has the whole name.
const shortened = (name) => ([...name].length > MOST ? `${[...name].slice(0, MOST - 1).join('')}…` : name);

// Letters have one size on the screen, however large the photo and the window are.
function placeTags() {
  const layer = $('stage').querySelector('svg');
  if (!layer?.clientWidth) return;
  const { width, height } = layer.viewBox.baseVal;
  const size = LETTERS * Math.max(width / layer.clientWidth, height / layer.clientHeight);
  for (const group of layer.children) {
    const [box, tag, text] = group.children;
    const [left, top, high] = ['x', 'y', 'height'].map((name) => Number(box.getAttribute(name)));
    text.setAttribute('font-size', size);
    const wide = text.getComputedTextLength() + size * 0.7;
    const x = Math.min(Math.max(0, left), Math.max(0, width - wide));
    const y = top < size * 1.5 ? Math.min(top + high, height - size * 1.5) : top - size * 1.45;
    set(tag, { x, y, width: wide, height: size * 1.4, rx: size * 0.2 });
    set(text, { x: x + size * 0.35, y: y + size * 1.05 });
  }
}

// Shows a result that is complete, and tells who listens.
export function showResult() {
  $('result').hidden = false;
  placeTags();
  $('found').focus();
  $('result').scrollIntoView({ block: 'start' });
}

// Marks a face and its row.
export function mark(index) {
  for (const one of document.querySelectorAll('.picked')) one.classList.remove('picked');
  document.querySelectorAll('#stage g')[index].classList.add('picked');
  $(`face-${index}`).classList.add('picked');
}

new ResizeObserver(placeTags).observe($('stage'));
