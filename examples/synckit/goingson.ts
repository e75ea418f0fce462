/** GoingsOn: 13 tables of tasks, events, people and mail. What an account is configured to do syncs; what opens it does not. */

import type { Collection, Database } from "ashore";

export interface Project {
  name: string;
  color?: string;
  archived: boolean;
  position: string;
}
export interface Milestone {
  project: string;
  name: string;
  due?: Date;
  reached: boolean;
}
export interface Task {
  title: string;
  notes?: string;
  project?: string;
  milestone?: string;
  due?: Date;
  done: boolean;
  tags: string[];
  position: string;
}
export interface Annotation {
  task: string;
  text: string;
  at: Date;
}
export interface Event {
  title: string;
  start: Date;
  end: Date;
  place?: string;
  contacts: string[];
  task?: string;
  repeats?: string;
}
export interface Contact {
  name: string;
  organisation?: string;
  birthday?: string;
  notes?: string;
}
export interface ContactField {
  contact: string;
  kind: "email" | "phone" | "address" | "url";
  label?: string;
  value: string;
}
export interface Tag {
  name: string;
  color: string;
}
export interface DailyNote {
  text: string;
  mood?: number;
}
export interface SavedView {
  name: string;
  collection: string;
  filter: string;
  sort: string[];
}

/** The sixteen columns of configuration that sync, and the credentials that do not. */
export interface EmailAccount {
  name: string;
  address: string;
  provider: string;
  username: string;
  auth: "password" | "oauth2";
  imapHost: string;
  imapPort: number;
  imapSecurity: string;
  smtpHost: string;
  smtpPort: number;
  smtpSecurity: string;
  signature: string;
  pollMinutes: number;
  sentFolder: string;
  archiveFolder: string;
  enabled: boolean;
  password?: string;
  oauth?: { accessToken: string; refreshToken: string; expiresAt: Date };
}

/** Each device fetches mail from the provider; what somebody did with a message travels. */
export interface Email {
  account: string;
  folder: string;
  messageId: string;
  from: string;
  to: string[];
  subject: string;
  date: Date;
  body: string;
  read: boolean;
  flagged: boolean;
  archived: boolean;
  task?: string;
}

export interface Attachment {
  email: string;
  name: string;
  type: string;
  size: number;
  path?: string;
}

export interface GoingsOn {
  readonly projects: Collection<Project>;
  readonly milestones: Collection<Milestone>;
  readonly tasks: Collection<Task>;
  readonly annotations: Collection<Annotation>;
  readonly events: Collection<Event>;
  readonly contacts: Collection<Contact>;
  readonly contactFields: Collection<ContactField>;
  readonly tags: Collection<Tag>;
  readonly dailyNotes: Collection<DailyNote>;
  readonly savedViews: Collection<SavedView>;
  readonly emailAccounts: Collection<EmailAccount>;
  readonly emails: Collection<Email>;
  readonly attachments: Collection<Attachment>;
}

/** The app's collections: all that it takes to sync them. */
export function goingsOn(db: Database): GoingsOn {
  return {
    projects: db.collection("projects"),
    milestones: db.collection("milestones", { indexes: [{ fields: ["project"] }] }),
    tasks: db.collection("tasks", {
      indexes: [{ fields: ["project", "position"] }, { fields: ["done", "due"] }, { fields: ["tags"] }],
    }),
    annotations: db.collection("annotations", { indexes: [{ fields: ["task", "at"] }] }),
    events: db.collection("events", { indexes: [{ fields: ["start"] }] }),
    contacts: db.collection("contacts", { indexes: [{ fields: ["name"] }] }),
    contactFields: db.collection("contact_fields", { indexes: [{ fields: ["contact"] }] }),
    tags: db.collection("tags"),
    dailyNotes: db.collection("daily_notes"),
    savedViews: db.collection("saved_views"),
    emailAccounts: db.collection("email_accounts", { local: ["password", "oauth"] }),
    emails: db.collection("emails", {
      sync: ["read", "flagged", "archived", "task"],
      syncDeletes: false,
      indexes: [{ fields: ["account", "folder", "-date"] }],
    }),
    attachments: db.collection("attachments", { local: true, indexes: [{ fields: ["email"] }] }),
  };
}
