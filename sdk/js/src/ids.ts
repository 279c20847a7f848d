/** 128 random bits, base64url: 22 characters, like the ids of the server. */
export function randomId(): string {
  let s = '';
  for (const b of crypto.getRandomValues(new Uint8Array(16))) s += String.fromCharCode(b);
  return btoa(s).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
