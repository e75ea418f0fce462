/** What axe objects to on a page, in both themes and both widths. */

import axe from "axe-core";

const widths = [
  { width: 360, height: 740 },
  { width: 1280, height: 800 },
];

/** Every objection as a line that says where; none is what is wanted. */
export async function objections(page, place) {
  const found = [];
  const before = page.viewportSize();
  for (const colorScheme of ["light", "dark"]) {
    for (const viewport of widths) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.setViewportSize(viewport);
      found.push(...(await examine(page, `${place}, ${viewport.width} wide, ${colorScheme}`)));
    }
  }
  if (before !== null) {
    await page.setViewportSize(before);
  }
  return found;
}

async function examine(page, place) {
  await page.evaluate(axe.source);
  const { violations, passes } = await page.evaluate("axe.run()");
  if (passes.length < 15) {
    throw new Error(`${place}: axe saw next to nothing`);
  }
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${place}: ${id}: ${node.html}`));
}
