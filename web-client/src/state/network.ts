/** What the browser knows of the network and of the page's own sleep, sooner than silence tells it. */

export interface NetworkHandlers {
  /** Whether this machine has a network at all, as far as the browser knows. */
  online(on: boolean): void;
  /** The machine is on another network, or on one again. */
  changed(): void;
  /** The page was frozen, and runs again. */
  woke(): void;
}

/** A part of `navigator` that not every browser has. */
interface NetworkInformation extends EventTarget {
  readonly type?: string;
}

/** Listens until what it gives back is called. */
export function watchNetwork({ online, changed, woke }: NetworkHandlers): () => void {
  const listening = new AbortController();
  const { signal } = listening;
  window.addEventListener(
    'online',
    () => {
      online(true);
      changed();
    },
    { signal },
  );
  window.addEventListener('offline', () => online(false), { signal });
  // Thawed by the browser, or taken out of its cache of pages.
  document.addEventListener('resume', woke, { signal });
  window.addEventListener('pageshow', (event) => event.persisted && woke(), { signal });
  const { connection } = navigator as { connection?: NetworkInformation };
  let type = connection?.type;
  connection?.addEventListener?.(
    'change',
    () => {
      // The same event tells of every new estimate of speed: only another kind of network is news.
      if (connection.type === type) return;
      type = connection.type;
      changed();
    },
    { signal },
  );
  return () => listening.abort();
}
