// What this device is called until somebody gives it a better name.

import { signal } from "@preact/signals";
import { isTauri } from "ashore/tauri";
import { keep, kept } from "./preferences.js";

const chosen = signal(kept("device-name"));

export function deviceName(): string {
  return chosen.value ?? guessName(navigator.userAgent);
}

export function rememberDeviceName(name: string): void {
  chosen.value = name;
  keep("device-name", name);
}

function guessName(agent: string): string {
  return `${isTauri() ? "Saltbox" : guessBrowser(agent)} on ${guessSystem(agent)}`;
}

function guessBrowser(agent: string): string {
  if (/Firefox\//.test(agent)) {
    return "Firefox";
  }
  if (/Edg\//.test(agent)) {
    return "Edge";
  }
  if (/Chrome\//.test(agent)) {
    return "Chrome";
  }
  if (/Safari\//.test(agent)) {
    return "Safari";
  }
  return "Browser";
}

function guessSystem(agent: string): string {
  if (/iPhone/.test(agent)) {
    return "iPhone";
  }
  if (/iPad/.test(agent)) {
    return "iPad";
  }
  if (/Android/.test(agent)) {
    return "Android";
  }
  if (/Windows/.test(agent)) {
    return "Windows";
  }
  if (/Mac OS X/.test(agent)) {
    return "Mac";
  }
  return "Linux";
}
