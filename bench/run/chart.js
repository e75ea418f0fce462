/** A bar for each system, on a scale of powers of ten: who takes least is shortest. */

const [WIDTH, ROW, NAMES, LABELS] = [720, 26, 150, 90];

export function chart(title, bars) {
  const least = 10 ** Math.floor(Math.log10(Math.min(...bars.map(({ value }) => value))));
  const most = Math.max(...bars.map(({ value }) => value));
  const room = WIDTH - NAMES - LABELS;
  const lengthOf = (value) => Math.max(2, (Math.log10(value / least) / Math.log10((most / least) * 1.01)) * room);
  const rows = [...bars]
    .sort((a, b) => a.value - b.value)
    .map(({ name, value, label, ours }, index) => {
      const y = 34 + index * ROW;
      const length = lengthOf(value).toFixed(1);
      return [
        `<text x="${NAMES - 8}" y="${y + 13}" text-anchor="end">${name}</text>`,
        `<rect x="${NAMES}" y="${y}" width="${length}" height="18" fill="${ours ? "#0b6e69" : "#b9c2c9"}"/>`,
        `<text x="${NAMES + Number(length) + 6}" y="${y + 13}">${label}</text>`,
      ].join("");
    });
  const height = 44 + bars.length * ROW;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="13">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    `<text x="8" y="20" font-weight="bold">${title}, 10,000 documents; less is better, logarithmic</text>`,
    ...rows,
    "</svg>\n",
  ].join("\n");
}
