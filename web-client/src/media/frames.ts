/**
 * Voices in the tunnel: one Opus packet in each binary frame of the signaling connection. Numbers are in
 * network byte order.
 *
 * to the server: kind, level (RFC 6464: 0 loud … 127 silent), sequence (16), timestamp (32, 48 kHz), Opus;
 * from it: kind, seat, sequence, timestamp, Opus.
 */
import { FRAME_HEADER_BYTES, FRAME_VOICE, MAX_OPUS_BYTES, type Seat } from '../wire/index.ts';

/** A packet of somebody's voice. */
export interface Voice {
  seat: Seat;
  sequence: number;
  timestamp: number;
  opus: Uint8Array;
}

/** Writes a frame to the server; nothing for a packet that it would refuse. */
export function writeFrame(
  level: number,
  sequence: number,
  timestamp: number,
  opus: Uint8Array,
): Uint8Array | null {
  if (opus.byteLength < 1 || opus.byteLength > MAX_OPUS_BYTES) return null;
  const frame = new Uint8Array(FRAME_HEADER_BYTES + opus.byteLength);
  const view = new DataView(frame.buffer);
  view.setUint8(0, FRAME_VOICE);
  view.setUint8(1, level);
  view.setUint16(2, sequence & 0xffff);
  view.setUint32(4, timestamp >>> 0);
  frame.set(opus, FRAME_HEADER_BYTES);
  return frame;
}

/** Reads a frame of the server; `null` when it is none that this page knows. */
export function readFrame(data: ArrayBuffer): Voice | null {
  if (data.byteLength <= FRAME_HEADER_BYTES || data.byteLength > FRAME_HEADER_BYTES + MAX_OPUS_BYTES)
    return null;
  const view = new DataView(data);
  if (view.getUint8(0) !== FRAME_VOICE) return null;
  return {
    seat: view.getUint8(1),
    sequence: view.getUint16(2),
    timestamp: view.getUint32(4),
    opus: new Uint8Array(data, FRAME_HEADER_BYTES),
  };
}

/** The loudness of samples as RFC 6464 has it: minus decibels of full scale, 0 to 127. */
export function level(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const decibels = 10 * Math.log10(sum / Math.max(samples.length, 1) + 1e-13);
  return Math.min(127, Math.max(0, Math.round(-decibels)));
}
