// Accessibility of what is on the screen now.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Throws for a serious or critical fault; returns the number of lesser ones. */
export async function accessible(p, what) {
  await p.eval(`${source};undefined`);
  const faults = await p.eval(async () => {
    const { violations } = await window.axe.run(document, { resultTypes: ['violations'] });
    return violations.map((v) => ({ id: v.id, impact: v.impact, help: v.help, nodes: v.nodes.slice(0, 4).map((n) => `${n.target.join(' ')}: ${n.failureSummary?.split('\n')[1]?.trim()}`) }));
  });
  const bad = faults.filter((f) => f.impact === 'serious' || f.impact === 'critical');
  if (bad.length) {
    throw new Error(`axe, ${what}:\n${bad.map((f) => `  ${f.impact} ${f.id}: ${f.help}\n    ${f.nodes.join('\n    ')}`).join('\n')}`);
  }
  return faults.length;
}

/** Throws if the page can be scrolled sideways, and says what sticks out. */
export async function fits(p, what) {
  const out = await p.eval(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width && document.body.scrollWidth <= width) return null;
    const wide = [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > width + 1);
    return `${document.documentElement.scrollWidth} > ${width}: ${wide.slice(0, 5).map((e) => `${e.tagName.toLowerCase()}.${e.className} ${Math.round(e.getBoundingClientRect().right)}`).join(', ')}`;
  });
  if (out) throw new Error(`${what} scrolls sideways at ${p.page.viewport()?.width} px: ${out}`);
}
