/** Waits until that holds, looking again whenever something has changed, 50 times a second at most. */

const PAUSE_MS = 20;

export async function until(holds, listen) {
  let change = () => {};
  const stop = listen(() => change());
  try {
    for (;;) {
      const changed = new Promise((resolve) => {
        change = resolve;
        setTimeout(resolve, 1_000);
      });
      if (await holds()) {
        return;
      }
      await changed;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  } finally {
    stop();
  }
}
