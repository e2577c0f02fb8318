/** Times and lengths in the words of the screen's language. */
import { language, t } from '../i18n/index.ts';
import { spoken } from '../state/budget.ts';

const TAGS = { fr: 'fr-FR', en: 'en-GB' } as const;

/** A time of day: 16 h 42, 16:42. */
export const timeOfDay = (at: number): string => {
  const date = new Date(at);
  return t('time-of-day', {
    hour: String(date.getHours()),
    minute: String(date.getMinutes()).padStart(2, '0'),
  });
};

/** A day in full: 23 novembre 2026. */
export const day = (at: number): string =>
  new Intl.DateTimeFormat(TAGS[language.value], { dateStyle: 'long' }).format(at);

/** A length as one says it: 40 s, 2 min, 1 min 30 s. */
export function length(millis: number): string {
  const { minutes, seconds } = spoken(millis);
  if (minutes === 0) return t('length-seconds', { seconds });
  return seconds === 0 ? t('length-minutes', { minutes }) : t('length-both', { minutes, seconds });
}

/** Names in a row, as one says them: Laura, Amine et Inès. */
export const list = (names: string[]): string =>
  new Intl.ListFormat(TAGS[language.value], { type: 'conjunction' }).format(names);
