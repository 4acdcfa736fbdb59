// What can be told about an agent's address before anybody is asked.

export type UrlProblem = "required" | "scheme" | "invalid" | "path";

/** Why an address cannot be an agent's; nothing if it can. */
export function agentUrlProblem(text: string): UrlProblem | null {
  const trimmed = text.trim();
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
