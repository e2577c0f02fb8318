/**
 * The wire, as this page uses it: the generated types, and one place that turns text into a message.
 * The server is trusted to send what it says it sends; a text that is no message is dropped.
 */
import type { ServerMessage } from './generated.ts';

export * from './generated.ts';

/** Parses a text frame of the server; `null` when it is not a message at all. */
export function parseServerMessage(text: string): ServerMessage | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string') {
      return value as ServerMessage;
    }
  } catch {
    // Not JSON: no message.
  }
  return null;
}
