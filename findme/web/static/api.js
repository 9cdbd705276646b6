// The client of the JSON API: returns data, or throws a Problem with the server's stable code.
export class Problem extends Error {
  constructor(status, document = {}) {
    super(document.detail ?? "");
    this.status = status;
    this.code = document.code ?? "failed";
    this.document = document;
  }
}

/** Call the API. An object becomes a JSON body; FormData is sent as it is. */
export async function call(method, url, body) {
  const json = body !== undefined && !(body instanceof FormData);
  let answer;
  try {
    answer = await fetch(url, {
      method,
      headers: { Accept: "application/json", ...(json && { "Content-Type": "application/json" }) },
      body: json ? JSON.stringify(body) : body,
    });
  } catch {
    throw new Problem(0, { code: "offline" });
  }
  const type = answer.headers.get("Content-Type") ?? "";
  // a network's login page may answer in our place, and an answer may break off halfway
  if (answer.ok && type.includes("html")) throw new Problem(0, { code: "offline" });
  const data = type.includes("json") ? await read(answer) : null;
  if (!answer.ok) throw new Problem(answer.status, data ?? {});
  return {
    data,
    next: nextOf(answer),
    total: Number(answer.headers.get("X-Total-Count")),
    location: answer.headers.get("Location"),
  };
}

async function read(answer) {
  try {
    return await answer.json();
  } catch {
    throw new Problem(0, { code: "offline" });
  }
}

export const get = (url) => call("GET", url);

function nextOf(answer) {
  const link = /<([^>]+)>;\s*rel="?next"?/.exec(answer.headers.get("Link") ?? "");
  return link && link[1];
}
