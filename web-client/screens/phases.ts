/** The phases of a session of codéveloppement, as a template gives them to a person. */
import type { EntryKind, FloorView, Language, PhaseInfo } from '../src/wire/index.ts';

const MINUTE = 60_000;

const PHASES: Record<Language, [string, string, string, string, number, FloorView['policy']][]> = {
  fr: [
    [
      'accueil',
      'Accueil',
      'Se poser, se rappeler la confidentialité, entendre la voix de chacun.',
      'En un mot : comment arrivez-vous ? Ce qui se dit ici reste ici.',
      5,
      'round_robin',
    ],
    [
      'choix-du-sujet',
      'Choix du sujet',
      'Des volontaires présentent leur sujet, le groupe en choisit un.',
      'Un sujet qui vous occupe ? Présentez-le en 45 secondes.',
      5,
      'round_robin',
    ],
    [
      'expose',
      'Exposé',
      'Le client présente son sujet sans être interrompu.',
      'Écoutez sans interrompre',
      7,
      'holder',
    ],
    [
      'clarification',
      'Clarification',
      'Comprendre la situation par des questions de fait, sans conseil.',
      'Une question ouverte, factuelle, sans conseil',
      14,
      'pair',
    ],
    [
      'contrat',
      'Contrat',
      'Le client dit l’aide qu’il attend ; le groupe accepte la phrase.',
      'J’aimerais que vous m’aidiez à…',
      5,
      'pair',
    ],
    [
      'reflexion',
      'Réflexion',
      'Chacun écrit ses idées avant de les partager.',
      'Écrivez d’abord',
      2,
      'silence',
    ],
    [
      'consultation',
      'Consultation',
      'Offrir des idées et des vécus, sans débat. Le client note en silence.',
      'Une idée, un vécu, sans débattre',
      20,
      'round_robin',
    ],
    [
      'synthese',
      'Synthèse et plan d’action',
      'Ce que le client retient et fera.',
      'Je retiens… je ferai… avant le…',
      8,
      'holder',
    ],
    [
      'apprentissages',
      'Apprentissages',
      'Ce que chacun emporte.',
      'Ce que j’emporte pour ma pratique',
      8,
      'round_robin',
    ],
    ['cloture', 'Clôture', 'Se quitter.', 'Un mot pour finir', 1, 'open'],
  ],
  en: [
    [
      'accueil',
      'Welcome',
      'Settle in, recall confidentiality, hear every voice.',
      'In a word: how do you arrive? What is said here stays here.',
      5,
      'round_robin',
    ],
    [
      'choix-du-sujet',
      'Choice of the subject',
      'Volunteers pitch, the group chooses.',
      'A subject on your mind? Pitch it in 45 seconds.',
      5,
      'round_robin',
    ],
    [
      'expose',
      'The client’s account',
      'The client sets out the subject without being interrupted.',
      'Listen, don’t interrupt',
      7,
      'holder',
    ],
    [
      'clarification',
      'Clarification',
      'Understand the situation by questions of fact, without advice.',
      'One open, factual question, no advice',
      14,
      'pair',
    ],
    [
      'contrat',
      'Contract',
      'The client words the help wanted; the group accepts the sentence.',
      'I’d like you to help me…',
      5,
      'pair',
    ],
    ['reflexion', 'Reflection', 'Everyone writes before sharing.', 'Write first', 2, 'silence'],
    [
      'consultation',
      'Consultation',
      'Offer ideas and experience, no debate. The client takes notes.',
      'One idea or experience, no debate',
      20,
      'round_robin',
    ],
    [
      'synthese',
      'Summary and action plan',
      'What the client keeps and will do.',
      'I keep… I’ll do… by…',
      8,
      'holder',
    ],
    [
      'apprentissages',
      'Learnings',
      'What each takes away.',
      'What I take into my practice',
      8,
      'round_robin',
    ],
    ['cloture', 'Closing', 'Part well.', 'A last word', 1, 'open'],
  ],
};

const WRITES: Record<string, EntryKind[]> = {
  'choix-du-sujet': ['subject'],
  reflexion: ['suggestion'],
  consultation: ['suggestion'],
  synthese: ['action'],
  apprentissages: ['learning', 'rating'],
};

/** What each phase is at the least: borrowed time is taken down to it. */
const LEAST = 0.6;
const MOST = 1.3;

export const phasesIn = (language: Language): PhaseInfo[] =>
  PHASES[language].map(([id, title, purpose, prompt, minutes, floor]) => ({
    id,
    title,
    purpose,
    prompt,
    meanwhile:
      language === 'fr'
        ? 'Relisez vos notes en silence. Ne parlez pas de son sujet sans le client.'
        : 'Read your notes again in silence. Leave the subject until the client is back.',
    target: minutes * MINUTE,
    min: minutes * LEAST * MINUTE,
    max: minutes * MOST * MINUTE,
    warnings: [MINUTE],
    floor,
    writes: WRITES[id] ?? [],
    takes_contract: id === 'contrat',
    out_of_contract: id === 'consultation',
  }));
