// Draws the app's icons from web-demo's drawing, in Chromium (CHROMIUM=/path/to/chromium), and packs those of Windows and macOS. Run after changing the
// drawing: node tauri-shell/icons.mjs

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { chromium } from "playwright-core";

const drawing = await readFile(new URL("../web-demo/public/icons/icon.svg", import.meta.url), "utf8");
const folder = new URL("icons/", import.meta.url);

/** The types that macOS has for PNG of these sizes. */
const icnsTypes = { 128: "ic07", 256: "ic08", 512: "ic09", 1024: "ic10" };
const icoSizes = [16, 32, 48, 64, 256];

const png = await drawAll([...new Set([32, 128, 512, ...icoSizes, ...Object.keys(icnsTypes).map(Number)])]);
await mkdir(folder, { recursive: true });
await write("32x32.png", png.get(32));
await write("128x128.png", png.get(128));
await write("icon.png", png.get(512));
await write("icon.ico", ico());
await write("icon.icns", icns());

async function drawAll(sizes) {
  const browser = await chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu"],
  });
  const page = await browser.newPage();
  const drawn = new Map();
  for (const size of sizes) {
    await page.setViewportSize({ width: size, height: size });
    await page.setContent(`<style>body{margin:0}svg{display:block;width:${size}px;height:${size}px}</style>${drawing}`);
    drawn.set(size, await page.screenshot({ omitBackground: true }));
  }
  await browser.close();
  return drawn;
}

/** A directory of 16 bytes for each picture, then the pictures: https://en.wikipedia.org/wiki/ICO_(file_format) */
function ico() {
  const head = Buffer.alloc(6 + 16 * icoSizes.length);
  head.writeUInt16LE(1, 2);
  head.writeUInt16LE(icoSizes.length, 4);
  let offset = head.length;
  icoSizes.forEach((size, index) => {
    const at = 6 + 16 * index;
    // 256 is written as 0.
    head.writeUInt8(size % 256, at);
    head.writeUInt8(size % 256, at + 1);
    head.writeUInt16LE(1, at + 4);
    head.writeUInt16LE(32, at + 6);
    head.writeUInt32LE(png.get(size).length, at + 8);
    head.writeUInt32LE(offset, at + 12);
    offset += png.get(size).length;
  });
  return Buffer.concat([head, ...icoSizes.map((size) => png.get(size))]);
}

/** Type and length before each picture, and before them all: https://en.wikipedia.org/wiki/Apple_Icon_Image_format */
function icns() {
  const parts = Object.entries(icnsTypes).map(([size, type]) => icnsPart(type, png.get(Number(size))));
  return icnsPart("icns", Buffer.concat(parts));
}

function icnsPart(type, content) {
  const head = Buffer.alloc(8);
  head.write(type, 0, "latin1");
  head.writeUInt32BE(8 + content.length, 4);
  return Buffer.concat([head, content]);
}

function write(name, content) {
  return writeFile(new URL(name, folder), content);
}
