/** What has to be put right in the descriptions that browsers make. */

/**
 * Drops `rtcp-fb` lines for payload types that their section does not list. Firefox leaves those of `red` and `ulpfec`
 * behind when setCodecPreferences has taken the codecs away, and Chromium refuses the whole description then.
 */
export function withoutStrayFeedback(sdp: string): string {
  let listed: string[] = [];
  return sdp
    .split('\r\n')
    .filter((line) => {
      if (line.startsWith('m=')) listed = line.split(' ').slice(3);
      const payload = /^a=rtcp-fb:(\d+) /.exec(line)?.[1];
      return payload === undefined || listed.includes(payload);
    })
    .join('\r\n');
}

/** The name of the ICE credentials of a description: another one means a restart. */
export function ufragOf(sdp: string | undefined): string | undefined {
  return /^a=ice-ufrag:(\S+)/m.exec(sdp ?? '')?.[1];
}
