// What every page needs: asking the server, saying what goes on, and taking in photos.

export const $ = (id) => document.getElementById(id);

const SVG = 'http://www.w3.org/2000/svg';
const CSRF = document.querySelector('meta[name="csrf"]').content;
const SLOW = 400; // milliseconds after which something is shown
const POLL = 700;

export class Refused extends Error {
  constructor(error, status) {
    super(error.message);
    const { hint, code, usable = [], left_out = [], groups = [] } = error;
    Object.assign(this, { hint, code, usable, left_out, groups, status });
  }
}

// Sends a form and returns the JSON answer; a document of the API is unpacked.
export async function ask(method, path, fields, signal) {
  const body = fields && new FormData();
  for (const [name, value] of fields ?? []) {
    if (value instanceof Blob) body.append(name, value, value.name ?? 'camera.jpg');
    else body.append(name, value);
  }
  let response;
  try {
    response = await fetch(path, { method, body, signal, headers: { 'X-Faceunlock-Csrf': CSRF } });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refused({ message: 'faceunlock does not answer.', hint: 'Is faceunlock serve still running?' }, 0);
  }
  const type = response.headers.get('content-type') ?? '';
  if (!type.startsWith('application/json')) {
    throw new Refused({ message: (await response.text()).trim() || 'The server could not do this.', hint: '' }, response.status);
  }
  const document = await response.json();
  if (document.ok === false) throw new Refused(document.error, response.status);
  return document.ok === true ? document.data : document;
}

// The same, but returns the refusal if its code is one of those that somebody is asked about.
export async function askOr(codes, ...request) {
  try {
    return await ask(...request);
  } catch (error) {
    if (error instanceof Refused && codes.includes(error.code)) return error;
    throw error;
  }
}

// Says that something goes on once it takes long, and what went wrong. Only the newest task counts: the one
// before it is stopped, as by the button. The task gets the signal that says so; `refused` hears of a refusal.
const newest = new Map();
export async function during(id, doing, task, refused = () => {}) {
  newest.get(id)?.abort();
  const control = new AbortController();
  newest.set(id, control);
  const current = () => newest.get(id) === control && !control.signal.aborted;
  $(`${id}-error`).hidden = true;
  $(`${id}-stop`).onclick = () => {
    control.abort();
    $(`${id}-busy`).hidden = true;
    say(id, { message: 'Stopped' });
  };
  let poll;
  const show = () => {
    if (!current()) return;
    $(`${id}-doing`).textContent = doing;
    $(`${id}-busy`).hidden = false;
    poll = setInterval(async () => {
      const { words } = await ask('GET', '/state').catch(() => ({ words: '' }));
      if (current()) $(`${id}-doing`).textContent = `${doing} ${words}`;
    }, POLL);
  };
  const timer = setTimeout(show, SLOW);
  try {
    const found = await task(control.signal);
    return current() ? found : undefined;
  } catch (error) {
    if (control.signal.aborted) return undefined;
    if (!(error instanceof Refused)) throw error;
    if (current()) {
      say(id, error);
      refused(error);
    }
    return undefined;
  } finally {
    clearTimeout(timer);
    clearInterval(poll);
    if (current()) $(`${id}-busy`).hidden = true;
  }
}

// What helps on another page, instead of a command.
const PAGES = { 'nobody-enrolled': ['/people', 'Enroll somebody first'] };

export function say(id, error) {
  const box = $(`${id}-error`);
  const [page, name] = PAGES[error.code] ?? [];
  const hint = page ? '' : (error.hint ?? '').trim();
  box.textContent = `${error.message.replace(/[.:]?$/, '.')} ${hint}`;
  if (page) box.append(make('a', { href: page, text: name }), '.');
  box.hidden = false;
}

export const count = (number, word, several = `${word}s`) => `${number.toLocaleString('en')} ${number === 1 ? word : several}`;

export function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'text') made.textContent = value;
    else if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (value !== false && value !== undefined) made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children);
  return made;
}

export function draw(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  set(made, attributes);
  made.append(...children);
  return made;
}

export function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}

// Asks, and returns null for a no; for a yes true, or what was typed.
export function question(text, yes, field) {
  const dialog = $('question');
  $('question-text').textContent = text;
  $('question-yes').textContent = yes;
  $('question-field').hidden = !field;
  $('question-label').textContent = field?.label ?? '';
  $('question-input').value = field?.value ?? '';
  dialog.returnValue = 'no';
  dialog.showModal();
  (field ? $('question-input') : $('question-no')).focus();
  return new Promise((done) =>
    dialog.addEventListener('close', () => done(dialog.returnValue === 'yes' ? ($('question-input').value.trim() || true) : null), { once: true }));
}

// Takes in photos: chosen, dropped or pasted.
export function takeIn(id, taken) {
  const input = $(`${id}-file`);
  const drop = $(`${id}-drop`);
  const give = (files) => {
    const photos = [...files].filter((file) => file.type.startsWith('image/') || /\.(heic|heif|tiff?)$/i.test(file.name));
    if (photos.length) taken(photos);
    else if (files.length) say(id, { message: 'That is not a photo', hint: 'Choose a JPEG, PNG, HEIC, WebP or TIFF file.' });
  };
  input.addEventListener('change', () => {
    give(input.files);
    input.value = '';
  });
  drop.addEventListener('dragover', (event) => {
    event.preventDefault();
    drop.classList.add('over');
  });
  drop.addEventListener('dragleave', () => drop.classList.remove('over'));
  drop.addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    give(event.dataTransfer.files);
  });
  // A photo dropped beside the zone must not replace the page.
  for (const kind of ['dragover', 'drop']) window.addEventListener(kind, (event) => event.preventDefault());
  document.addEventListener('paste', (event) => {
    if (event.clipboardData.files.length) give(event.clipboardData.files);
  });
}

// The camera: opened by its button, closed by another, by Escape or with the page.
export class Camera {
  constructor(id, { opened = () => {}, closed = () => {} } = {}) {
    this.id = id;
    this.opened = opened;
    this.closed = closed;
    this.stream = null;
    $(`${id}-camera`).addEventListener('click', () => (this.stream ? this.close() : this.open()));
    $(`${id}-close`).addEventListener('click', () => this.close());
    $(`${id}-live`).addEventListener('keydown', (event) => event.key === 'Escape' && this.close());
    window.addEventListener('pagehide', () => this.close());
  }

  async open() {
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 } }, audio: false });
    } catch (error) {
      const denied = error.name === 'NotAllowedError';
      say(this.id, {
        message: denied ? 'The browser may not use the camera' : 'No camera can be used',
        hint: denied ? 'Allow it in the address bar.' : 'Connect one, or close what uses it.',
      });
      return;
    }
    const video = $(`${this.id}-video`);
    video.srcObject = this.stream;
    $(`${this.id}-live`).hidden = false;
    $(`${this.id}-camera`).setAttribute('aria-expanded', 'true');
    await video.play();
    $(`${this.id}-shoot`).focus();
    this.opened();
  }

  close() {
    if (!this.stream) return;
    for (const track of this.stream.getTracks()) track.stop();
    this.stream = null;
    $(`${this.id}-live`).hidden = true;
    $(`${this.id}-said`).textContent = '';
    const button = $(`${this.id}-camera`);
    button.setAttribute('aria-expanded', 'false');
    button.focus();
    this.closed();
  }

  // Returns the picture of this moment as a file.
  async photo(name) {
    const video = $(`${this.id}-video`);
    const canvas = make('canvas', { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext('2d').drawImage(video, 0, 0);
    const blob = await new Promise((done) => canvas.toBlob(done, 'image/jpeg', 0.95));
    return new File([blob], name, { type: 'image/jpeg' });
  }
}

// One photo from the camera, which its button takes.
export function shoot(id, taken) {
  const camera = new Camera(id);
  $(`${id}-shoot`).addEventListener('click', async () => {
    const photo = await camera.photo('camera.jpg');
    camera.close();
    taken(photo);
  });
}
