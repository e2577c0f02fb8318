/** The words, by Fluent: one file a language, the same keys in each (a test holds them to it). */
import { FluentBundle, FluentResource, type FluentVariable } from '@fluent/bundle';
import { signal } from '@preact/signals';
import type { Language } from '../wire/index.ts';
import en from './en.ftl?raw';
import fr from './fr.ftl?raw';

function bundle(language: Language, source: string): FluentBundle {
  const made = new FluentBundle(language, { useIsolating: false });
  made.addResource(new FluentResource(source));
  return made;
}

const BUNDLES: Record<Language, FluentBundle> = { fr: bundle('fr', fr), en: bundle('en', en) };

/** The language of the screen. */
export const language = signal<Language>('fr');

/** A message in the language of the screen; a component that calls it follows the language. */
export function t(id: string, args?: Record<string, FluentVariable>): string {
  const { value } = BUNDLES[language.value].getMessage(id) ?? {};
  return value ? BUNDLES[language.value].formatPattern(value, args ?? null) : id;
}
