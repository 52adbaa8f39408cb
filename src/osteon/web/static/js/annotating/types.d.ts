// Made from the server's forms and replies by tests/app/make_types.py; a test holds them together.

export interface About {
  title: string;
  synthetic: boolean;
}

export interface Entered {
  role: "reader" | "admin";
}

export interface Gone {
  left: boolean;
}

export interface Invitation {
  token: string;
}

export interface Kept {
  kept: boolean;
}

export interface Revoked {
  revoked: boolean;
}

export interface ViewSize {
  height: number;
  width: number;
  number: number;
  half: Size | null;
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

export interface Field {
  id: string;
  text: string;
  of: "lesion" | "picture" | "case";
  kind: "choice" | "number" | "text";
  choices: string[];
  required: boolean;
}

export interface Questions {
  instructions: string;
  shapes: ("box" | "polygon")[];
  labels: string[];
  fields: Field[];
  unusable: string[];
  iou: number;
}

export interface Task {
  position: number;
  state: "open" | "begun" | "done" | "waiting" | "agreed" | "differ";
  why: string;
}

export interface Me {
  code: string;
  role: "annotator";
  csrf: string;
  study: About;
  adjudicates: boolean;
  questions: Questions;
  work: Task[];
}

export interface Whereabouts {
  work: Task[];
}

export interface View {
  height: number;
  width: number;
  number: number;
  half: Size | null;
  window: Window;
  spacing: number[] | null;
  name: string | null;
}

export interface Suggestion {
  number: number;
  view: number;
  box: number[];
  label: string;
}

export interface Other {
  letter: string;
  content: Content;
}

export interface Case {
  position: number;
  views: View[];
  context: Record<string, string>;
  suggestions: Suggestion[];
  saved: Content | null;
  revision: number;
  draft: Content | null;
  others: Other[];
  why: string;
}

export interface Stored {
  revision: number;
  saved_at: string;
  work: Task[];
}

export interface Version {
  revision: number;
  saved_at: string;
  content: Content;
}

export interface AdministratorMe {
  code: string;
  role: "admin";
  csrf: string;
  study: About;
}

export interface Progress {
  code: string;
  adjudicates: boolean;
  invited: boolean;
  done: number;
  cases: number;
  seen_at: string | null;
  seconds: number | null;
}

export interface SentEntry {
  token: string;
}

export interface SentShape {
  view: number;
  lesion: number;
  kind: "box" | "polygon";
  points: [number, number][];
  suggestion?: number | null;
}

export interface SentLesion {
  label?: string;
  fields?: Record<string, string>;
}

export interface SentContent {
  status?: "lesions" | "none" | "unusable" | null;
  reason?: string;
  shapes?: SentShape[];
  lesions?: Record<string, SentLesion>;
  pictures?: Record<string, Record<string, string>>;
  fields?: Record<string, string>;
  comment?: string;
}

export interface SentDraft {
  content: SentContent;
  revises: number;
  turn: number;
}

export interface SentAnnotation {
  content: SentContent;
  revises: number;
  seconds: number;
  receipt: string;
}

export interface Content {
  status: "lesions" | "none" | "unusable" | null;
  reason: string;
  shapes: Shape[];
  lesions: Record<string, Lesion>;
  pictures: Record<string, Record<string, string>>;
  fields: Record<string, string>;
  comment: string;
}

export interface Shape {
  view: number;
  lesion: number;
  kind: "box" | "polygon";
  points: [number, number][];
  suggestion: number | null;
}

export interface Lesion {
  label: string;
  fields: Record<string, string>;
}

export interface Size {
  height: number;
  width: number;
}

export interface OtherWindow {
  low: number;
  high: number;
  curve: number[] | null;
  centre: number | null;
  width: number | null;
}
