// Drawn people for the pictures in the documentation: a film (YUV4MPEG2) that Chromium takes for a camera.
import { writeFileSync } from 'node:fs';

const people = {
  Anna: { wall: ['#3b4a6b', '#222c44'], thing: 'window', skin: '#f0c3a0', hair: '#5a3422', long: true, clothes: '#d98f4e' },
  Boris: { wall: ['#56705f', '#2c3d35'], thing: 'plant', skin: '#e3b08c', hair: '#2b2523', beard: true, clothes: '#3f5f8a' },
  Chidi: { wall: ['#7a5a50', '#43302c'], thing: 'shelf', skin: '#8d5a3b', hair: '#1d1715', clothes: '#e5e0d5' },
  Dina: { wall: ['#6a5378', '#382c44'], thing: 'lamp', skin: '#f2cfb3', hair: '#b5512b', long: true, glasses: true, clothes: '#4f8a7b' },
};
export const names = Object.keys(people);

/** Writes the film of one of `names`; `page` is any page, whose canvas draws it. */
export async function film(page, name, path) {
  const size = { w: 640, h: 360, frames: 40, fps: 10 };
  const frames = await page.evaluate(draw, people[name], size);
  const parts = [Buffer.from(`YUV4MPEG2 W${size.w} H${size.h} F${size.fps}:1 Ip A1:1 C420jpeg\n`)];
  for (const f of frames) parts.push(Buffer.from('FRAME\n'), Buffer.from(f, 'base64'));
  writeFileSync(path, Buffer.concat(parts));
}

/** Runs in the page. */
function draw(who, { w, h, frames }) {
  const canvas = new OffscreenCanvas(w, h);
  const c = canvas.getContext('2d', { willReadFrequently: true });
  const fill = (style, path) => {
    c.fillStyle = style;
    c.beginPath();
    path();
    c.fill();
  };
  const oval = (style, x, y, rx, ry) => fill(style, () => c.ellipse(x, y, rx, ry, 0, 0, 7));
  const box = (style, x, y, bw, bh, r = 0) => fill(style, () => c.roundRect(x, y, bw, bh, r));
  const things = {
    window() {
      box('#8fb4d8', 450, 40, 140, 170, 4);
      box('#c9dcec', 450, 130, 140, 80, 4);
      box('#2a3450', 517, 40, 6, 170);
      box('#2a3450', 450, 122, 140, 6);
    },
    plant() {
      for (let i = 0; i < 9; i++) {
        c.save();
        c.translate(120, 230);
        c.rotate((i - 4) * 0.32);
        oval(i % 2 ? '#3f7a52' : '#4f8f62', 0, -70, 15, 62);
        c.restore();
      }
      box('#a9653f', 84, 225, 72, 80, 10);
    },
    shelf() {
      for (const y of [90, 200]) {
        box('#2f211e', 410, y, 210, 8);
        ['#c98b5b', '#7c8f6a', '#b9a06a', '#5f7f95', '#a85a4a', '#d9c9a5', '#6b5a7a'].forEach((tone, i) => box(tone, 418 + i * 24, y - 58 + ((i * 7) % 18), 18, 58 - ((i * 7) % 18), 2));
      }
    },
    lamp() {
      const glow = c.createRadialGradient(110, 110, 10, 110, 110, 170);
      glow.addColorStop(0, '#ffdf9ecc');
      glow.addColorStop(1, '#ffdf9e00');
      fill(glow, () => c.rect(0, 0, 320, 300));
      box('#2a2030', 106, 130, 6, 200);
      fill('#f3d08a', () => {
        c.moveTo(80, 140);
        c.lineTo(94, 80);
        c.lineTo(126, 80);
        c.lineTo(140, 140);
      });
    },
  };
  function person(at) {
    const sway = Math.sin(at) * 5;
    const nod = Math.sin(at * 2) * 3;
    const x = 320 + sway;
    const y = 165 + nod;
    if (who.long) box(who.hair, x - 78, y - 60, 156, 190, 70);
    box(who.clothes, 190 + sway / 2, 262, 260, 200, 90);
    box(who.skin, x - 26, y + 50, 52, 70, 24);
    oval(who.skin, x, y, 62, 78);
    if (who.beard) fill(who.hair, () => { c.ellipse(x, y + 30, 58, 56, 0, 0.1, 3.04); });
    fill(who.hair, () => c.ellipse(x, y - 28, 68, 62, 0, 3.0, 6.42));
    const blink = Math.sin(at * 3 + 1) > 0.93 ? 1 : 8;
    for (const side of [-24, 24]) {
      oval('#fff', x + side, y - 2, 10, blink);
      oval('#2b2b33', x + side + sway / 4, y - 2, 5, Math.min(blink, 6));
      box(who.hair, x + side - 13, y - 24, 26, 5, 2);
      if (!who.glasses) continue;
      c.strokeStyle = '#33303a';
      c.lineWidth = 4;
      c.beginPath();
      c.ellipse(x + side, y - 2, 19, 17, 0, 0, 7);
      c.stroke();
    }
    if (who.glasses) box('#33303a', x - 6, y - 5, 12, 4);
    oval('#0002', x, y + 16, 8, 5);
    const talk = 4 + Math.max(0, Math.sin(at * 5)) * 7;
    fill('#8a3f3a', () => c.ellipse(x, y + 38, 20, talk, 0, 0, who.beard ? 7 : 3.2));
  }
  const plane = (data) => {
    const out = new Uint8Array((w * h * 3) / 2);
    for (let i = 0, p = 0; i < w * h; i++, p += 4) out[i] = 0.299 * data[p] + 0.587 * data[p + 1] + 0.114 * data[p + 2];
    let u = w * h;
    let v = u + (w * h) / 4;
    for (let row = 0; row < h; row += 2) {
      for (let col = 0; col < w; col += 2) {
        const p = (row * w + col) * 4;
        const [r, g, b] = [data[p], data[p + 1], data[p + 2]];
        out[u++] = 128 - 0.169 * r - 0.331 * g + 0.5 * b;
        out[v++] = 128 + 0.5 * r - 0.419 * g - 0.081 * b;
      }
    }
    let text = '';
    for (let i = 0; i < out.length; i += 0x8000) text += String.fromCharCode(...out.subarray(i, i + 0x8000));
    return btoa(text);
  };
  const made = [];
  for (let n = 0; n < frames; n++) {
    const wall = c.createLinearGradient(0, 0, w, h);
    wall.addColorStop(0, who.wall[0]);
    wall.addColorStop(1, who.wall[1]);
    fill(wall, () => c.rect(0, 0, w, h));
    c.filter = 'blur(3px)';
    things[who.thing]();
    c.filter = 'none';
    person((n / frames) * 2 * Math.PI);
    made.push(plane(c.getImageData(0, 0, w, h).data));
  }
  return made;
}
