// Starts the app: shows the page at once, opens the household, and keeps what was typed when the page goes away.

import "./styles/index.css";
import { render } from "preact";
import { App } from "./app.js";
import { openHousehold } from "./model/household.js";
import { leaveDrafts, saveDrafts } from "./model/drafts.js";
import { followAddress } from "./model/route.js";
import { watchForUpdates } from "./model/update.js";

followAddress();
render(<App />, document.getElementById("app") as HTMLElement);
void openHousehold();
void watchForUpdates();

addEventListener("pagehide", leaveDrafts);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "hidden") {
    void saveDrafts();
  }
});
