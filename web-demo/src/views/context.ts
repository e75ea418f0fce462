// Hands the open household to the views below.

import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Household } from "../model/household.js";

export const HouseholdContext = createContext<Household | null>(null);

export function useHousehold(): Household {
  const household = useContext(HouseholdContext);
  if (household === null) {
    throw new Error("this view stands outside the open household");
  }
  return household;
}
