// Short messages: what was done (with a way to undo it) and what went wrong.

import { signal } from "@preact/signals";
import { sentenceFor } from "./problems.js";

export type Toast = {
  readonly id: number;
  readonly tone: "done" | "problem";
  readonly text: string;
  /** The error's code, for people who report it and for tests. */
  readonly code: string | null;
  readonly undo: (() => void) | null;
};

export const toasts = signal<readonly Toast[]>([]);

let lastId = 0;

export function tell(text: string, undo: (() => void) | null = null): void {
  show({ tone: "done", text, code: null, undo });
}

export function tellProblem(problem: unknown): void {
  const { code, text } = sentenceFor(problem);
  show({ tone: "problem", text, code, undo: null });
}

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

/** Takes back the latest thing that can be taken back. */
export function undoLatest(): boolean {
  const toast = toasts.value.findLast((one) => one.undo !== null);
  if (toast === undefined) {
    return false;
  }
  dismiss(toast.id);
  toast.undo?.();
  return true;
}

function show(toast: Omit<Toast, "id">): void {
  lastId += 1;
  const others = toasts.value.filter((one) => one.code === null || one.code !== toast.code);
  toasts.value = [...others, { ...toast, id: lastId }].slice(-3);
}

/** Runs something that may fail later; what goes wrong is shown, not lost. */
export function attempt<T>(work: Promise<T>): Promise<T | null> {
  return work.catch((problem: unknown) => {
    tellProblem(problem);
    return null;
  });
}
