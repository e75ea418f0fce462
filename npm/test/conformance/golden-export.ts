/** An export that was made in Node, by the first version that made any: it must open for ever, on every host. */

const base64 = [
  "YXNob3JlIGV4cG9ydAoBAGSEAYIaAAEAAANQJDB1uK5/Elms1E7MEBq/cFhI2g9SVefxi5M8CfOkXI2mli2QRAvpMJR6VczIxD7S53PoP5X/8Bc8c5rshHkm",
  "U16DkcGfCXkALbni1DdGdpKHeXOpeEtEsJ8Wt+c7M7m5LS1xryk1bjcSjOttf2U9VPT7r/PmNJPCzZ8AAACcG6y8oI1N5Y9inD0Om4s7JC/DCm1ePHCkWeg0",
  "6OpOwcviPPZVUEglPFPKDVz7kTbdhV6OzrhLPIHQ8hMQ7GLyivQdux5BP6P/rALtOjgz6Av9WmULJeZ0ZzWXbTnOhBNBgQO4cZ6kX5ZAdsPqukRSsI03pBvy",
  "z4Ftbkh5zLyiBai/Hwtz9z3miJdDLjuGkG1kyd94+drajsdagqjAAAACBDxo2Kgg04A2X+Hl9aXXZYPCr/IN7rAP5AOKf3v701b2bgCocVmSoHwP9xxztHN0",
  "0Xg7RY4bupVJANl4K2Jg/aiCoPzoeflR9ZmFFKhfE9j8nSd/227IREeg8IEBfx+57/gFRs647kEajffZBwstyQ7/2mLvayWbku9fC/3yT4ZgNG0lUD8VgSNR",
  "wmrzUI8eyJJ9v8b63doOuQILV9TQjW3a3znsySTWTyLW+ojx+ds+Dv9aSpV+Gwu44VqoYhzIEEl7C4hMnj7jaQHlWQYqBkN6g37AYZte21MUBJI2p6Lip7ym",
  "J1O848v8vM2444XZVCJguhADmxdVfrGHlj+cpvDG1QI96StIsi72hj73YPtKX8qx1yCM8g8I7vOWcIKzJ60VMHlaSpCYenuADzaun8ZTaVDkY/BMLU49oSfM",
  "ozvYOyQsCoPCIsJp/SbDjd6nOfvbXj0J5G7Btg6Ydec7McroBZ0gwr28yl2n2dMImrGCBDKjmmXmQUvMNOldhWG74a/vkcaxRQlL2f12ywsZ8TYRbZH2r6qu",
  "+UvxzN7emkctjvwzX4heQY02ZvNL7YBwbBN35p4l8wEsKZkPyxMsS+FuttM3XfaVGGDBuQgh8m6Ac70rY4a5Pe45jfusZ3ZqgNILEjrPowLORCXyy4tTM6iD",
  "DhIsnn1C6RIuOHW+pjdQMhZ9CwAAAC0kjtQ5L3aEigF7DUUKwvg9mZRxBGW03uLM0F3zS0lp+owBeUIyJcnZANMzjU4=",
].join("");

/** The file. */
export const goldenExport = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

/** What it opens with. */
export const goldenPassphrase = "four words that nobody guesses";
