/** Where a page runs. */

/** Whether this page is shown by a Tauri app, which says so before any of the page's own code runs. */
export function isTauri(): boolean {
  return (globalThis as { isTauri?: boolean }).isTauri === true;
}
