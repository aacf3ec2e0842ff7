// What a user of the generated types writes: compiles only if attributes kept their names and values.
import type { components } from "./schema";
import type { ClientIn, ClientOut } from "./orval";

const sent: components["schemas"]["ClientIn"]["attributes"] = { name: "Анна", visits: 3 };
const same: NonNullable<ClientIn["attributes"]> = sent;
export const read = (client: ClientOut, other: components["schemas"]["ClientOut"]): string | number =>
  client.attributes["name"] ?? other.attributes["name"] ?? same["visits"];
// @ts-expect-error a value is a text or a whole number
export const wrong: components["schemas"]["ClientIn"]["attributes"] = { name: null };
// @ts-expect-error the same in the other
export const alsoWrong: ClientIn["attributes"] = { name: [] };
