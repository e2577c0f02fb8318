/** Everyone's link of a room. */
import { useState } from 'preact/hooks';
import type { CreatedRoom } from '../api.ts';
import { t } from '../i18n/index.ts';
import { Icon } from './Icon.tsx';

/** To open or to copy. */
export function Links({ room }: { room: CreatedRoom }) {
  const [copied, setCopied] = useState<string | null>(null);
  const copy = (key: string, text: string) => {
    void navigator.clipboard?.writeText(text).then(
      () => setCopied(key),
      () => undefined,
    );
  };
  return (
    <>
      <ul class="links">
        {room.links.map((link) => (
          <li key={link.seat} data-role={link.role}>
            <a href={link.url} target="_blank" rel="noopener">
              <strong>{link.name}</strong>
              <span>{t(`role-${link.role}`)}</span>
            </a>
            <button
              class="round quiet"
              aria-label={t('copy-link', { name: link.name })}
              title={t('copy-link', { name: link.name })}
              onClick={() => copy(link.url, link.url)}
            >
              <Icon name={copied === link.url ? 'check' : 'copy'} />
            </button>
          </li>
        ))}
      </ul>
      <button
        class="link"
        onClick={() =>
          copy(
            'all',
            room.links.map((link) => `${link.name} (${t(`role-${link.role}`)}): ${link.url}`).join('\n'),
          )
        }
      >
        {t(copied === 'all' ? 'copied' : 'copy-all')}
      </button>
    </>
  );
}
