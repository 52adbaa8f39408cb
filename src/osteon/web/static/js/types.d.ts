// Made from the server's forms and replies by tests/app/make_types.py; a test holds them together.

export interface Entered {
  role: "reader" | "admin";
}

export interface Gone {
  left: boolean;
}

export interface About {
  title: string;
  synthetic: boolean;
}

export interface Item {
  id: string;
  text: string;
  kind: "scale" | "choice" | "number" | "text";
  choices: string[];
  required: boolean;
}

export interface Question {
  asked: string;
  answers: [string, string];
  scale: "0-100" | "5-point";
  call: boolean;
  draw_box: boolean;
  no_lesion: boolean;
  comment: boolean;
  advice: "shown" | "on-demand";
  heatmap: boolean;
  revise: boolean;
  washout_days: number;
  design: "crossed" | "sequential";
}

export interface Stage {
  name: "consent" | "declined" | "instructions" | "before" | "reading" | "review" | "washout" | "after" | "done";
  session: number;
  sessions: number;
  position: number;
  step: number;
  steps: number;
  cases: number;
  open: number;
  drafts: number[];
  opens_at: string | null;
  items: Item[];
  filled: Record<string, string>;
  text: string;
}

export interface Whereabouts {
  question: Question;
  stage: Stage;
}

export interface Me {
  question: Question;
  stage: Stage;
  code: string;
  role: "reader";
  csrf: string;
  language: string;
  study: About;
}

export interface Size {
  height: number;
  width: number;
}

export interface ViewSize {
  height: number;
  width: number;
  number: number;
  half: Size | null;
}

export interface OtherWindow {
  low: number;
  high: number;
  curve: number[] | null;
  centre: number | null;
  width: number | null;
}

export interface Window {
  low: number;
  high: number;
  curve: number[] | null;
  centre: number | null;
  width: number | null;
  slope: number;
  intercept: number;
  others: OtherWindow[];
}

export interface View {
  height: number;
  width: number;
  number: number;
  half: Size | null;
  window: Window;
  spacing: number[] | null;
  boxes: number[][];
  heatmap: Size | null;
  name: string | null;
}

export interface Box {
  view: number;
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

export interface OwnAnswer {
  step: number;
  confidence: number;
  call: number | null;
  box: Box | null;
  comment: string;
  revision: number;
}

export interface OwnDraft {
  confidence: number | null;
  call: number | null;
  box: Box | null;
  comment: string;
  no_lesion: boolean;
  revises: number | null;
  acted: number | null;
}

export interface Case {
  session: number;
  position: number;
  step: number;
  steps: number;
  aided: boolean;
  advised: boolean;
  views: View[];
  context: Record<string, string>;
  answers: OwnAnswer[];
  draft: OwnDraft | null;
}

export interface Noted {
  step: number;
}

export interface Kept {
  kept: boolean;
}

export interface Advice {
  probability: number | null;
  threshold: number | null;
  positive: boolean;
}

export interface Stored {
  question: Question;
  stage: Stage;
  revision: number;
  answered_at: string;
}

export interface AdministratorMe {
  code: string;
  role: "admin";
  csrf: string;
  study: About;
}

export interface ReaderProgress {
  code: string;
  experience: number | null;
  invited: boolean;
  stage: string;
  session: number;
  sessions: number;
  read: number;
  cases: number;
  opens_at: string | null;
  seen_at: string | null;
  seconds: number | null;
}

export interface Invitation {
  token: string;
}

export interface Revoked {
  revoked: boolean;
}

export interface Change {
  setting: string;
  before: unknown;
  after: unknown;
  reason: string;
  person: string;
  at: string;
}

export interface Protocol {
  sessions: number;
  washout_days: number;
  changes: Change[];
}

export interface SentEntry {
  token: string;
}

export interface SentLeft {
  seconds: number;
}

export interface SentBox {
  view: number;
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

export interface SentAnswer {
  session: number;
  step: number;
  confidence: number;
  call?: number | null;
  box?: SentBox | null;
  comment?: string;
  seconds: number;
  receipt: string;
  no_lesion?: boolean;
  revises?: number | null;
  acted?: number | null;
}

export interface SentDraft {
  session: number;
  step: number;
  turn: number;
  confidence?: number | null;
  call?: number | null;
  box?: SentBox | null;
  comment?: string;
  no_lesion?: boolean;
  revises?: number | null;
  acted?: number | null;
}

export interface SentQuestionnaire {
  answers: Record<string, string>;
}

export interface SentQuestionnaireDraft {
  answers: Record<string, string>;
  turn: number;
}

export interface SentConsent {
  agreed: boolean;
}

export interface SentClose {
  session: number;
}

export interface SentWashout {
  days: number;
  reason: string;
}
