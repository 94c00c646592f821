CREATE TABLE agencies (
    id TEXT NOT NULL,
    state TEXT NOT NULL,
    chain TEXT NOT NULL,
    admitted_at DATETIME NOT NULL,
    suspended_at DATETIME,
    channel TEXT,
    address TEXT,
    language TEXT NOT NULL,
    inbox_last BIGINT DEFAULT 0 NOT NULL,
    capabilities BLOB,
    quiet_from TEXT,
    quiet_until TEXT,
    quiet_zone TEXT,
    digest_s INTEGER,
    CONSTRAINT pk_agencies PRIMARY KEY (id),
    CONSTRAINT ck_agencies_state CHECK (state IN ('active', 'suspended')),
    CONSTRAINT uq_agencies_chain UNIQUE (chain)
);
CREATE TABLE agreements (
    digest TEXT NOT NULL,
    id TEXT NOT NULL,
    chain TEXT NOT NULL,
    recorded_at DATETIME NOT NULL,
    ended_at DATETIME,
    statement BLOB NOT NULL,
    CONSTRAINT pk_agreements PRIMARY KEY (digest),
    CONSTRAINT uq_agreements_id UNIQUE (id),
    CONSTRAINT uq_agreements_chain UNIQUE (chain)
);
CREATE INDEX ix_agreements_ended_at_agreements_id ON agreements (ended_at, id);
CREATE TABLE used_assertions (
    agency TEXT NOT NULL,
    jti TEXT NOT NULL,
    until DATETIME NOT NULL,
    CONSTRAINT pk_used_assertions PRIMARY KEY (agency, jti)
);
CREATE INDEX ix_used_assertions_until ON used_assertions (until);
CREATE TABLE idempotency (
    agency TEXT NOT NULL,
    "key" TEXT NOT NULL,
    request BLOB NOT NULL,
    until DATETIME NOT NULL,
    CONSTRAINT pk_idempotency PRIMARY KEY (agency, "key")
);
CREATE INDEX ix_idempotency_until ON idempotency (until);
CREATE TABLE log_chain (
    chain TEXT NOT NULL,
    kind TEXT NOT NULL,
    next_n BIGINT DEFAULT 0 NOT NULL,
    "deferred" INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT pk_log_chain PRIMARY KEY (chain),
    CONSTRAINT ck_log_chain_kind CHECK (kind IN ('consent', 'agreement', 'agency', 'hub'))
);
CREATE INDEX ix_log_chain_chain ON log_chain (chain) WHERE deferred > 0;
CREATE TABLE log_event (
    rid TEXT NOT NULL,
    chain TEXT,
    n BIGINT,
    kind TEXT NOT NULL,
    at DATETIME NOT NULL,
    document TEXT,
    body BLOB NOT NULL,
    detail BLOB,
    CONSTRAINT pk_log_event PRIMARY KEY (rid),
    CONSTRAINT uq_log_event_chain_n UNIQUE (chain, n)
);
CREATE INDEX ix_log_event_document ON log_event (document) WHERE document IS NOT NULL;
CREATE TABLE log_entry (
    idx INTEGER NOT NULL,
    leaf BLOB NOT NULL,
    rid TEXT,
    CONSTRAINT pk_log_entry PRIMARY KEY (idx),
    CONSTRAINT uq_log_entry_rid UNIQUE (rid)
);
CREATE TABLE log_tile (
    level INTEGER NOT NULL,
    n BIGINT NOT NULL,
    hashes BLOB NOT NULL,
    CONSTRAINT pk_log_tile PRIMARY KEY (level, n)
);
CREATE TABLE log_tree (
    id INTEGER NOT NULL,
    size BIGINT NOT NULL,
    range BLOB NOT NULL,
    CONSTRAINT pk_log_tree PRIMARY KEY (id),
    CONSTRAINT ck_log_tree_one CHECK (id = 0)
);
CREATE TABLE log_checkpoint (
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    note BLOB NOT NULL,
    signed_at DATETIME NOT NULL,
    candidate_at DATETIME,
    published_at DATETIME,
    witnessed_at DATETIME,
    CONSTRAINT pk_log_checkpoint PRIMARY KEY (size)
);
CREATE INDEX log_checkpoint_witnessed ON log_checkpoint (size) WHERE witnessed_at IS NOT NULL;
CREATE INDEX log_checkpoint_candidates ON log_checkpoint (size) WHERE candidate_at IS NOT NULL;
CREATE INDEX log_checkpoint_published ON log_checkpoint (size) WHERE published_at IS NOT NULL;
CREATE TABLE log_cosignature (
    size BIGINT NOT NULL,
    name TEXT NOT NULL,
    key_id BLOB NOT NULL,
    time BIGINT NOT NULL,
    line BLOB NOT NULL,
    CONSTRAINT pk_log_cosignature PRIMARY KEY (size, name, key_id)
);
CREATE TABLE log_evidence (
    digest TEXT NOT NULL,
    found_at DATETIME NOT NULL,
    note BLOB NOT NULL,
    CONSTRAINT pk_log_evidence PRIMARY KEY (digest)
);
CREATE TABLE log_erased (
    idx INTEGER NOT NULL,
    tombstone TEXT,
    CONSTRAINT pk_log_erased PRIMARY KEY (idx)
);
CREATE INDEX ix_log_erased_idx ON log_erased (idx) WHERE tombstone IS NULL;
CREATE TABLE log_erasing (
    chain TEXT NOT NULL,
    queued_at DATETIME NOT NULL,
    erased_at DATETIME,
    CONSTRAINT pk_log_erasing PRIMARY KEY (chain)
);
CREATE TABLE log_tombstone (
    digest TEXT NOT NULL,
    made_at DATETIME NOT NULL,
    document BLOB NOT NULL,
    CONSTRAINT pk_log_tombstone PRIMARY KEY (digest)
);
CREATE INDEX ix_log_tombstone_made_at ON log_tombstone (made_at);
CREATE TABLE deletions (
    run TEXT NOT NULL,
    class TEXT NOT NULL,
    period TEXT NOT NULL,
    count BIGINT NOT NULL,
    at DATETIME NOT NULL,
    CONSTRAINT pk_deletions PRIMARY KEY (run, class, period)
);
CREATE TABLE restorations (
    at DATETIME NOT NULL,
    made_at DATETIME,
    size BIGINT NOT NULL,
    ready_at DATETIME,
    CONSTRAINT pk_restorations PRIMARY KEY (at)
);
CREATE TABLE officer_logins (
    digest TEXT NOT NULL,
    state TEXT NOT NULL,
    nonce TEXT NOT NULL,
    verifier TEXT NOT NULL,
    fresh BOOLEAN NOT NULL,
    until DATETIME NOT NULL,
    CONSTRAINT pk_officer_logins PRIMARY KEY (digest)
);
CREATE INDEX ix_officer_logins_until ON officer_logins (until);
CREATE TABLE log_reader (
    agency TEXT NOT NULL,
    at DATETIME NOT NULL,
    idx BIGINT NOT NULL,
    kind TEXT NOT NULL,
    CONSTRAINT pk_log_reader PRIMARY KEY (agency, at, idx)
) WITHOUT ROWID;
CREATE INDEX ix_log_reader_idx ON log_reader (idx);
CREATE INDEX ix_log_reader_agency_log_reader_kind_log_reader_at_log_reader_idx ON log_reader (agency, kind, at, idx);
CREATE TABLE log_reader_size (
    id INTEGER NOT NULL,
    size BIGINT NOT NULL,
    CONSTRAINT pk_log_reader_size PRIMARY KEY (id),
    CONSTRAINT ck_log_reader_size_one CHECK (id = 0)
);
CREATE TABLE fallbacks (
    agency TEXT NOT NULL,
    place INTEGER NOT NULL,
    channel TEXT NOT NULL,
    address TEXT NOT NULL,
    CONSTRAINT pk_fallbacks PRIMARY KEY (agency, place),
    CONSTRAINT fk_fallbacks_agency FOREIGN KEY(agency) REFERENCES agencies (id)
);
CREATE TABLE identities (
    kid TEXT NOT NULL,
    agency TEXT NOT NULL,
    ed25519 BLOB NOT NULL,
    ml_dsa_65 BLOB NOT NULL,
    registered_at DATETIME NOT NULL,
    until DATETIME,
    succession BLOB,
    CONSTRAINT pk_identities PRIMARY KEY (kid),
    CONSTRAINT fk_identities_agency FOREIGN KEY(agency) REFERENCES agencies (id)
);
CREATE INDEX ix_identities_agency ON identities (agency);
CREATE TABLE key_statements (
    agency TEXT NOT NULL,
    seq BIGINT NOT NULL,
    digest TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    nbf DATETIME NOT NULL,
    exp DATETIME NOT NULL,
    stored_at DATETIME NOT NULL,
    superseded_at DATETIME,
    statement BLOB NOT NULL,
    CONSTRAINT pk_key_statements PRIMARY KEY (agency, seq),
    CONSTRAINT fk_key_statements_agency FOREIGN KEY(agency) REFERENCES agencies (id),
    CONSTRAINT uq_key_statements_digest UNIQUE (digest)
);
CREATE TABLE revoked_keys (
    fingerprint TEXT NOT NULL,
    agency TEXT NOT NULL,
    revoked_at DATETIME NOT NULL,
    CONSTRAINT pk_revoked_keys PRIMARY KEY (fingerprint, agency),
    CONSTRAINT fk_revoked_keys_agency FOREIGN KEY(agency) REFERENCES agencies (id)
);
CREATE TABLE agreement_parties (
    agreement TEXT NOT NULL,
    agency TEXT NOT NULL,
    CONSTRAINT pk_agreement_parties PRIMARY KEY (agreement, agency),
    CONSTRAINT fk_agreement_parties_agreement FOREIGN KEY(agreement) REFERENCES agreements (digest)
);
CREATE INDEX ix_agreement_parties_agency ON agreement_parties (agency);
CREATE TABLE agreement_signatures (
    agreement TEXT NOT NULL,
    agency TEXT NOT NULL,
    digest TEXT NOT NULL,
    signed_at DATETIME NOT NULL,
    receipt TEXT,
    statement BLOB NOT NULL,
    CONSTRAINT pk_agreement_signatures PRIMARY KEY (agreement, agency),
    CONSTRAINT fk_agreement_signatures_agreement FOREIGN KEY(agreement) REFERENCES agreements (digest)
);
CREATE TABLE agreement_notices (
    digest TEXT NOT NULL,
    agreement TEXT NOT NULL,
    id TEXT NOT NULL,
    iat BIGINT NOT NULL,
    agency TEXT NOT NULL,
    ends DATETIME NOT NULL,
    recorded_at DATETIME NOT NULL,
    receipt TEXT,
    statement BLOB NOT NULL,
    CONSTRAINT pk_agreement_notices PRIMARY KEY (digest),
    CONSTRAINT fk_agreement_notices_agreement FOREIGN KEY(agreement) REFERENCES agreements (digest),
    CONSTRAINT uq_agreement_notices_id UNIQUE (id)
);
CREATE INDEX ix_agreement_notices_agreement ON agreement_notices (agreement);
CREATE TABLE consents (
    digest TEXT NOT NULL,
    id TEXT NOT NULL,
    agreement TEXT NOT NULL,
    collected_by TEXT NOT NULL,
    chain TEXT NOT NULL,
    uses INTEGER NOT NULL,
    used INTEGER DEFAULT 0 NOT NULL,
    valid_from DATETIME NOT NULL,
    valid_until DATETIME NOT NULL,
    recorded_at DATETIME NOT NULL,
    ended_at DATETIME,
    ended_why TEXT,
    receipt TEXT,
    withdrawal_receipt TEXT,
    reissued_receipt TEXT,
    statement BLOB NOT NULL,
    withdrawal BLOB,
    CONSTRAINT pk_consents PRIMARY KEY (digest),
    CONSTRAINT ck_consents_used CHECK (used >= 0 AND (uses = 0 OR used <= uses)),
    CONSTRAINT ck_consents_ended CHECK ((ended_at IS NULL) = (ended_why IS NULL)),
    CONSTRAINT uq_consents_id UNIQUE (id),
    CONSTRAINT fk_consents_agreement FOREIGN KEY(agreement) REFERENCES agreements (digest),
    CONSTRAINT uq_consents_chain UNIQUE (chain)
);
CREATE INDEX ix_consents_agreement_consents_ended_at ON consents (agreement, ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX ix_consents_agreement ON consents (agreement) WHERE ended_at IS NULL;
CREATE INDEX ix_consents_agreement_consents_valid_until ON consents (agreement, valid_until);
CREATE INDEX ix_consents_collected_by_consents_digest ON consents (collected_by, digest);
CREATE TABLE drafts (
    id TEXT NOT NULL,
    agency TEXT NOT NULL,
    agreement TEXT NOT NULL,
    invitation TEXT NOT NULL,
    until DATETIME NOT NULL,
    draft BLOB NOT NULL,
    signed BLOB,
    signature BLOB,
    CONSTRAINT pk_drafts PRIMARY KEY (id),
    CONSTRAINT ck_drafts_signed CHECK ((signed IS NULL) = (signature IS NULL)),
    CONSTRAINT fk_drafts_agency FOREIGN KEY(agency) REFERENCES agencies (id),
    CONSTRAINT fk_drafts_agreement FOREIGN KEY(agreement) REFERENCES agreements (digest),
    CONSTRAINT uq_drafts_invitation UNIQUE (invitation)
);
CREATE INDEX ix_drafts_agency ON drafts (agency);
CREATE INDEX ix_drafts_until ON drafts (until);
CREATE TABLE notices (
    id TEXT NOT NULL,
    agency TEXT NOT NULL,
    kind TEXT NOT NULL,
    consent TEXT,
    disclosure TEXT,
    state TEXT NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL,
    created_at DATETIME NOT NULL,
    due_at DATETIME NOT NULL,
    done_at DATETIME,
    place INTEGER DEFAULT 0 NOT NULL,
    refused INTEGER DEFAULT 0 NOT NULL,
    failing_since DATETIME,
    CONSTRAINT pk_notices PRIMARY KEY (id),
    CONSTRAINT ck_notices_state CHECK (state IN ('waiting', 'sent', 'parked')),
    CONSTRAINT fk_notices_agency FOREIGN KEY(agency) REFERENCES agencies (id)
);
CREATE INDEX ix_notices_agency_notices_done_at ON notices (agency, done_at);
CREATE INDEX ix_notices_disclosure ON notices (disclosure);
CREATE INDEX ix_notices_consent ON notices (consent);
CREATE INDEX ix_notices_state_notices_due_at ON notices (state, due_at);
CREATE INDEX ix_notices_state_notices_done_at ON notices (state, done_at);
CREATE TABLE log_pending (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    rid TEXT NOT NULL,
    leaf BLOB,
    CONSTRAINT ck_log_pending_leaf CHECK (length(leaf) = 49),
    CONSTRAINT uq_log_pending_rid UNIQUE (rid),
    CONSTRAINT fk_log_pending_rid FOREIGN KEY(rid) REFERENCES log_event (rid)
);
CREATE TABLE officers (
    id TEXT NOT NULL,
    role TEXT NOT NULL,
    agency TEXT,
    issuer TEXT,
    subject TEXT,
    created_at DATETIME NOT NULL,
    removed_at DATETIME,
    CONSTRAINT pk_officers PRIMARY KEY (id),
    CONSTRAINT uq_officers_issuer_subject UNIQUE (issuer, subject),
    CONSTRAINT ck_officers_role CHECK (role IN ('officer', 'auditor', 'operator')),
    CONSTRAINT ck_officers_agency CHECK ((agency IS NULL) = (role <> 'officer')),
    CONSTRAINT ck_officers_subject CHECK ((issuer IS NULL) = (subject IS NULL)),
    CONSTRAINT fk_officers_agency FOREIGN KEY(agency) REFERENCES agencies (id)
);
CREATE INDEX ix_officers_agency ON officers (agency);
CREATE TABLE figures (
    agreement TEXT NOT NULL,
    period TEXT NOT NULL,
    dimension TEXT NOT NULL,
    frozen_at DATETIME NOT NULL,
    body BLOB NOT NULL,
    CONSTRAINT pk_figures PRIMARY KEY (agreement, period, dimension),
    CONSTRAINT ck_figures_dimension CHECK (dimension IN ('total', 'purpose', 'category', 'direction')),
    CONSTRAINT fk_figures_agreement FOREIGN KEY(agreement) REFERENCES agreements (digest)
);
CREATE TABLE tallies (
    agreement TEXT NOT NULL,
    month TEXT NOT NULL,
    body BLOB NOT NULL,
    CONSTRAINT pk_tallies PRIMARY KEY (agreement, month),
    CONSTRAINT fk_tallies_agreement FOREIGN KEY(agreement) REFERENCES agreements (digest)
);
CREATE TABLE consent_findings (
    consent TEXT NOT NULL,
    rule TEXT NOT NULL,
    field TEXT NOT NULL,
    CONSTRAINT pk_consent_findings PRIMARY KEY (consent, rule),
    CONSTRAINT fk_consent_findings_consent FOREIGN KEY(consent) REFERENCES consents (digest)
);
CREATE TABLE consent_parties (
    consent TEXT NOT NULL,
    agency TEXT NOT NULL,
    role TEXT NOT NULL,
    CONSTRAINT pk_consent_parties PRIMARY KEY (consent, agency),
    CONSTRAINT ck_consent_parties_role CHECK (role IN ('releaser', 'recipient')),
    CONSTRAINT fk_consent_parties_consent FOREIGN KEY(consent) REFERENCES consents (digest)
);
CREATE INDEX ix_consent_parties_agency_consent_parties_consent ON consent_parties (agency, consent);
CREATE TABLE credentials (
    consent TEXT NOT NULL,
    digest TEXT NOT NULL,
    CONSTRAINT pk_credentials PRIMARY KEY (consent),
    CONSTRAINT fk_credentials_consent FOREIGN KEY(consent) REFERENCES consents (digest),
    CONSTRAINT uq_credentials_digest UNIQUE (digest)
);
CREATE TABLE disclosures (
    id TEXT NOT NULL,
    digest TEXT NOT NULL,
    sender TEXT NOT NULL,
    consent TEXT NOT NULL,
    state TEXT NOT NULL,
    sealed_size BIGINT NOT NULL,
    exp DATETIME NOT NULL,
    announced_at DATETIME NOT NULL,
    stored_at DATETIME,
    ended_at DATETIME,
    ended_why TEXT,
    use_returned BOOLEAN DEFAULT 0 NOT NULL,
    blob TEXT,
    payload_size BIGINT,
    payload_sha256 TEXT,
    receipt TEXT,
    ended_receipt TEXT,
    manifest BLOB NOT NULL,
    CONSTRAINT pk_disclosures PRIMARY KEY (id),
    CONSTRAINT ck_disclosures_state CHECK (state IN ('announced', 'stored', 'collected', 'acknowledged', 'expired', 'ended')),
    CONSTRAINT fk_disclosures_consent FOREIGN KEY(consent) REFERENCES consents (digest),
    CONSTRAINT uq_disclosures_blob UNIQUE (blob)
);
CREATE INDEX ix_disclosures_sender_disclosures_state ON disclosures (sender, state);
CREATE INDEX ix_disclosures_state_disclosures_exp ON disclosures (state, exp);
CREATE INDEX ix_disclosures_consent_disclosures_digest ON disclosures (consent, digest);
CREATE TABLE erasures (
    id TEXT NOT NULL,
    consent TEXT NOT NULL,
    recipient TEXT NOT NULL,
    reason TEXT NOT NULL,
    asked_at DATETIME NOT NULL,
    due DATETIME NOT NULL,
    passed_on_by TEXT,
    reminded_at DATETIME,
    escalated_at DATETIME,
    answered_at DATETIME,
    result TEXT,
    ground TEXT,
    confirmation_digest TEXT,
    confirmation_receipt TEXT,
    confirmation BLOB,
    CONSTRAINT pk_erasures PRIMARY KEY (id),
    CONSTRAINT uq_erasures_consent_recipient UNIQUE (consent, recipient),
    CONSTRAINT ck_erasures_reason CHECK (reason IN ('withdrawn', 'unlawful')),
    CONSTRAINT ck_erasures_result CHECK (result IN ('erased', 'kept')),
    CONSTRAINT fk_erasures_consent FOREIGN KEY(consent) REFERENCES consents (digest)
);
CREATE INDEX ix_erasures_recipient ON erasures (recipient);
CREATE INDEX ix_erasures_recipient_erasures_id ON erasures (recipient, id) WHERE answered_at IS NULL;
CREATE TABLE requests (
    id TEXT NOT NULL,
    digest TEXT NOT NULL,
    agency TEXT NOT NULL,
    asked TEXT NOT NULL,
    agreement TEXT NOT NULL,
    consent TEXT,
    purpose TEXT NOT NULL,
    categories TEXT NOT NULL,
    deadline DATETIME NOT NULL,
    made_at DATETIME NOT NULL,
    number BIGINT NOT NULL,
    answered_at DATETIME,
    receipt TEXT,
    statement BLOB,
    CONSTRAINT pk_requests PRIMARY KEY (id),
    CONSTRAINT uq_requests_asked_number UNIQUE (asked, number),
    CONSTRAINT uq_requests_digest UNIQUE (digest),
    CONSTRAINT fk_requests_agency FOREIGN KEY(agency) REFERENCES agencies (id),
    CONSTRAINT fk_requests_asked FOREIGN KEY(asked) REFERENCES agencies (id),
    CONSTRAINT fk_requests_agreement FOREIGN KEY(agreement) REFERENCES agreements (digest),
    CONSTRAINT fk_requests_consent FOREIGN KEY(consent) REFERENCES consents (digest)
);
CREATE INDEX ix_requests_deadline ON requests (deadline);
CREATE INDEX ix_requests_consent ON requests (consent) WHERE consent IS NOT NULL;
CREATE INDEX ix_requests_agency_requests_deadline ON requests (agency, deadline);
CREATE TABLE officer_links (
    digest TEXT NOT NULL,
    officer TEXT NOT NULL,
    made_at DATETIME NOT NULL,
    until DATETIME NOT NULL,
    used_at DATETIME,
    CONSTRAINT pk_officer_links PRIMARY KEY (digest),
    CONSTRAINT fk_officer_links_officer FOREIGN KEY(officer) REFERENCES officers (id)
);
CREATE INDEX ix_officer_links_until ON officer_links (until);
CREATE INDEX ix_officer_links_officer ON officer_links (officer);
CREATE TABLE officer_sessions (
    digest TEXT NOT NULL,
    officer TEXT NOT NULL,
    made_at DATETIME NOT NULL,
    seen_at DATETIME NOT NULL,
    proved_at DATETIME NOT NULL,
    until DATETIME NOT NULL,
    CONSTRAINT pk_officer_sessions PRIMARY KEY (digest),
    CONSTRAINT fk_officer_sessions_officer FOREIGN KEY(officer) REFERENCES officers (id)
);
CREATE INDEX ix_officer_sessions_officer ON officer_sessions (officer);
CREATE INDEX ix_officer_sessions_until ON officer_sessions (until);
CREATE TABLE officer_visits (
    id TEXT NOT NULL,
    officer TEXT NOT NULL,
    at DATETIME NOT NULL,
    what TEXT NOT NULL,
    CONSTRAINT pk_officer_visits PRIMARY KEY (id),
    CONSTRAINT ck_officer_visits_what CHECK (what IN ('link-made', 'login', 'proved', 'logout', 'removed')),
    CONSTRAINT fk_officer_visits_officer FOREIGN KEY(officer) REFERENCES officers (id)
);
CREATE INDEX ix_officer_visits_at ON officer_visits (at);
CREATE INDEX ix_officer_visits_officer ON officer_visits (officer);
CREATE TABLE counted (
    consent TEXT NOT NULL,
    year TEXT NOT NULL,
    number BIGINT NOT NULL,
    CONSTRAINT pk_counted PRIMARY KEY (consent, year),
    CONSTRAINT fk_counted_consent FOREIGN KEY(consent) REFERENCES consents (digest)
);
CREATE TABLE disclosure_recipients (
    disclosure TEXT NOT NULL,
    agency TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    number BIGINT,
    waiting BOOLEAN DEFAULT 0 NOT NULL,
    collected_at DATETIME,
    acknowledged_at DATETIME,
    result TEXT,
    reason TEXT,
    reminded_at DATETIME,
    collected_receipt TEXT,
    acknowledged_receipt TEXT,
    acknowledgement BLOB,
    CONSTRAINT pk_disclosure_recipients PRIMARY KEY (disclosure, agency),
    CONSTRAINT uq_disclosure_recipients_agency_number UNIQUE (agency, number),
    CONSTRAINT ck_disclosure_recipients_result CHECK (result IN ('accepted', 'rejected', 'quarantined')),
    CONSTRAINT fk_disclosure_recipients_disclosure FOREIGN KEY(disclosure) REFERENCES disclosures (id)
);
CREATE INDEX ix_disclosure_recipients_agency_disclosure_recipients_number ON disclosure_recipients (agency, number) WHERE waiting = 1;
CREATE INDEX ix_disclosure_recipients_fingerprint ON disclosure_recipients (fingerprint);
CREATE TABLE upload_pieces (
    disclosure TEXT NOT NULL,
    start BIGINT NOT NULL,
    size BIGINT NOT NULL,
    blob TEXT NOT NULL,
    CONSTRAINT pk_upload_pieces PRIMARY KEY (disclosure, start),
    CONSTRAINT ck_upload_pieces_size CHECK (size > 0),
    CONSTRAINT fk_upload_pieces_disclosure FOREIGN KEY(disclosure) REFERENCES disclosures (id),
    CONSTRAINT uq_upload_pieces_blob UNIQUE (blob)
);
CREATE TABLE headers (
    disclosure TEXT NOT NULL,
    header BLOB NOT NULL,
    CONSTRAINT pk_headers PRIMARY KEY (disclosure),
    CONSTRAINT fk_headers_disclosure FOREIGN KEY(disclosure) REFERENCES disclosures (id)
);
CREATE TRIGGER log_entry_stays BEFORE DELETE ON log_entry BEGIN SELECT raise(ABORT, 'the log only grows'); END;
CREATE TRIGGER log_entry_never_changes BEFORE UPDATE ON log_entry WHEN new.rid IS NOT NULL OR new.idx <> old.idx OR new.leaf <> old.leaf BEGIN SELECT raise(ABORT, 'the log only grows'); END;
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO log_tree (id, size, range) VALUES (0, 0, x'');
INSERT INTO alembic_version (version_num) VALUES ('0009');
