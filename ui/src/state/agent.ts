// What can be told about an agent's address before anybody is asked.

export type UrlProblem = "required" | "scheme" | "invalid" | "path";

/** An address as people say it: agents speak HTTP, so that nobody has to write it. */
export function agentUrl(text: string): string {
  const trimmed = text.trim();
  return trimmed === "" || /^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed) || /^https?:\/*$/i.test(trimmed)
    ? trimmed
    : `http://${trimmed}`;
}

/** Why an address cannot be an agent's; nothing if it can. */
export function agentUrlProblem(text: string): UrlProblem | null {
  const trimmed = agentUrl(text);
  if (trimmed === "" || /^https?:\/*$/i.test(trimmed)) return "required";
  if (!/^https?:\/\//i.test(trimmed)) return "scheme";
  let url: URL;
  try {
    url = new URL(trimmed);
  } catch {
    return "invalid";
  }
  if (url.username || url.password || !url.hostname) return "invalid";
  return url.pathname !== "/" || url.search || url.hash ? "path" : null;
}
