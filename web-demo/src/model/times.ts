// Times as people say them, and a clock that views can follow.

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const clock = new Intl.DateTimeFormat("en", { hour: "numeric", minute: "2-digit" });
const day = new Intl.DateTimeFormat("en", { day: "numeric", month: "short" });
const dayAndYear = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", year: "numeric" });

/** The time now, in milliseconds since 1970, as of the last tick that a view asked for. */
export const now = signal(Date.now());

let followers = 0;
let timer: ReturnType<typeof setInterval> | undefined;

/** While the view is shown, `now` moves every second. */
export function useClock(): void {
  useEffect(() => {
    followers += 1;
    now.value = Date.now();
    timer ??= setInterval(() => (now.value = Date.now()), 1000);
    return () => {
      followers -= 1;
      if (followers > 0) {
        return;
      }
      clearInterval(timer);
      timer = undefined;
    };
  }, []);
}

export function sayWhen(time: number, at: number): string {
  const seconds = Math.round((time - at) / 1000);
  if (Math.abs(seconds) < 45) {
    return "just now";
  }
  if (Math.abs(seconds) < 3600) {
    return relative.format(Math.round(seconds / 60), "minute");
  }
  if (new Date(time).toDateString() === new Date(at).toDateString()) {
    return clock.format(time);
  }
  return day.format(time);
}

export function sayDay(time: number, at: number): string {
  const [then, today] = [new Date(time), new Date(at)];
  if (then.toDateString() === today.toDateString()) {
    return "today";
  }
  return then.getFullYear() === today.getFullYear() ? day.format(time) : dayAndYear.format(time);
}

/** Minutes and seconds, `9:05`. */
export function sayLeft(milliseconds: number): string {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
