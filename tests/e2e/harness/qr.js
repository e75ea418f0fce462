/** Reads a QR code as a camera would: drawn by the browser, decoded from the pixels. */

import jsQR from "jsqr";

const SIDE = 800;

/** The text in the QR code at that address (`data:image/svg+xml…`), drawn in `page`. */
export async function readQr(page, address) {
  const pixels = await page.evaluate(
    async ([source, side]) => {
      const image = new Image();
      image.src = source;
      await image.decode();
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = side;
      const context = canvas.getContext("2d");
      context.fillStyle = "white";
      context.fillRect(0, 0, side, side);
      context.imageSmoothingEnabled = false;
      context.drawImage(image, 40, 40, side - 80, side - 80);
      const { data } = context.getImageData(0, 0, side, side);
      return btoa(Array.from({ length: side * side }, (_, at) => String.fromCharCode(data[at * 4])).join(""));
    },
    [address, SIDE],
  );
  const grey = Buffer.from(pixels, "base64");
  const rgba = new Uint8ClampedArray(SIDE * SIDE * 4);
  grey.forEach((value, at) => rgba.fill(value, at * 4, at * 4 + 3) && (rgba[at * 4 + 3] = 255));
  return jsQR(rgba, SIDE, SIDE)?.data ?? null;
}
