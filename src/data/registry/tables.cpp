#include "data/registry/tables.h"

#include <algorithm>

namespace mw::registry {
namespace {

// docs/formats/registry-db.md describes each table. A released step is never edited: add one.
constexpr sqlite::Migration steps[] = {
    {1, "resources, changes, audit, tokens", R"sql(
CREATE TABLE resources(
  kind TEXT NOT NULL, name TEXT NOT NULL, domain TEXT NOT NULL,
  labels TEXT NOT NULL, spec TEXT NOT NULL, status TEXT NOT NULL,
  generation INTEGER NOT NULL, revision INTEGER NOT NULL,
  created INTEGER NOT NULL, updated INTEGER NOT NULL);
CREATE UNIQUE INDEX resources_by_name ON resources(kind, name);
CREATE TABLE labels(
  kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, name TEXT NOT NULL,
  PRIMARY KEY(kind, key, value, name)) WITHOUT ROWID;
CREATE INDEX labels_by_name ON labels(kind, name);
CREATE TABLE refs(
  to_kind TEXT NOT NULL, to_name TEXT NOT NULL,
  from_kind TEXT NOT NULL, path TEXT NOT NULL, from_name TEXT NOT NULL,
  PRIMARY KEY(to_kind, to_name, from_kind, path, from_name)) WITHOUT ROWID;
CREATE INDEX refs_by_source ON refs(from_kind, from_name);
CREATE TABLE changes(
  revision INTEGER PRIMARY KEY, kind TEXT NOT NULL, what INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX changes_by_kind ON changes(kind, revision);
CREATE TABLE audit(
  sequence INTEGER PRIMARY KEY, time INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
  kind TEXT NOT NULL, name TEXT NOT NULL, revision INTEGER NOT NULL, detail TEXT NOT NULL,
  hash BLOB NOT NULL);
CREATE TRIGGER audit_is_append_only_update BEFORE UPDATE ON audit
  BEGIN SELECT RAISE(ABORT, 'audit facts are append-only'); END;
CREATE TRIGGER audit_is_append_only_delete BEFORE DELETE ON audit
  BEGIN SELECT RAISE(ABORT, 'audit facts are append-only'); END;
CREATE TABLE tokens(
  hash BLOB PRIMARY KEY, user TEXT NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL,
  purpose TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX tokens_by_user ON tokens(user, created);
CREATE TABLE counters(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counters VALUES('revision', 0), ('compacted', 0);
)sql"},
    {2, "audit facts with controls, their tree, signed heads", R"sql(
ALTER TABLE audit ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
ALTER TABLE audit ADD COLUMN controls TEXT NOT NULL DEFAULT '';
CREATE INDEX audit_by_resource ON audit(kind, name) WHERE kind<>'';
CREATE TABLE audit_nodes(
  level INTEGER NOT NULL, position INTEGER NOT NULL, hash BLOB NOT NULL,
  PRIMARY KEY(level, position)) WITHOUT ROWID;
CREATE TABLE audit_signers(hash BLOB PRIMARY KEY, chain BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE audit_heads(
  number INTEGER PRIMARY KEY, size INTEGER NOT NULL UNIQUE, head BLOB NOT NULL);
CREATE TRIGGER audit_heads_are_append_only_update BEFORE UPDATE ON audit_heads
  BEGIN SELECT RAISE(ABORT, 'audit heads are append-only'); END;
CREATE TRIGGER audit_heads_are_append_only_delete BEFORE DELETE ON audit_heads
  BEGIN SELECT RAISE(ABORT, 'audit heads are append-only'); END;
)sql"},
    {3, "audit facts whose personal part can be redacted", R"sql(
ALTER TABLE audit ADD COLUMN personal BLOB NOT NULL DEFAULT x'';
ALTER TABLE audit ADD COLUMN salt BLOB NOT NULL DEFAULT x'';
DROP TRIGGER audit_is_append_only_update;
CREATE TRIGGER audit_is_append_only_update BEFORE UPDATE ON audit
  WHEN NOT (OLD.version>=3 AND NEW.actor='' AND NEW.name='' AND NEW.detail='' AND NEW.salt=x''
    AND OLD.action<>'audit.redacted'
    AND NEW.sequence=OLD.sequence AND NEW.time=OLD.time AND NEW.action=OLD.action
    AND NEW.kind=OLD.kind AND NEW.revision=OLD.revision AND NEW.hash=OLD.hash
    AND NEW.version=OLD.version AND NEW.controls=OLD.controls AND NEW.personal=OLD.personal)
  BEGIN SELECT RAISE(ABORT, 'audit facts are append-only'); END;
)sql"},
    {4, "changes that say where a resource stood before", R"sql(
ALTER TABLE changes ADD COLUMN was TEXT NOT NULL DEFAULT '';
)sql"},
};

Result<Json> read_json(std::string_view text, std::string_view what) {
    auto json = parse_json(text);
    if (json) return json;
    return Error{Errc::corrupt, "stored " + std::string(what) + ": " + json.error().message};
}

policy::TokenRecord read_token(const sqlite::Statement& row) {
    policy::TokenRecord token;
    const auto hash = row.blob(0);
    std::copy_n(hash.begin(), std::min(hash.size(), token.hash.size()), token.hash.begin());
    token.user = row.text(1);
    token.created = {row.integer(2)};
    token.expires = {row.integer(3)};
    token.purpose = row.text(4);
    return token;
}

Result<std::vector<policy::TokenRecord>> read_tokens(sqlite::Statement& rows) {
    std::vector<policy::TokenRecord> tokens;
    for (;;) {
        TRY(const bool row, rows.step());
        if (!row) return tokens;
        tokens.push_back(read_token(rows));
    }
}

}  // namespace

const std::span<const sqlite::Migration> migrations{steps};

Result<sqlite::Statement*> Prepared::get(const std::string& sql) {
    if (const auto at = by_text_.find(sql); at != by_text_.end()) {
        at->second.reset();
        return &at->second;
    }
    TRY(auto statement, database_->prepare(sql));
    if (by_text_.size() >= kept_max) by_text_.clear();
    return &by_text_.emplace(sql, std::move(statement)).first->second;
}

namespace {

Json labels_json(const Labels& labels) {
    JsonObject object;
    for (const auto& [key, value] : labels) object.emplace(key, value);
    return object;
}

Result<Labels> read_labels(const Json& stored) {
    if (!stored.is_object()) return Error{Errc::corrupt, "stored labels are not an object"};
    Labels labels;
    for (const auto& [key, value] : stored.get_object())
        if (value.is_string()) labels.emplace(key, value.get_string());
    return labels;
}

}  // namespace

std::string labels_text(const Resource& resource) { return to_json(labels_json(resource.labels)); }

std::string standing_text(const std::optional<Standing>& was) {
    if (!was) return "";
    return to_json(Json(JsonObject{{"domain", was->domain}, {"labels", labels_json(was->labels)}}));
}

Result<std::optional<Standing>> read_standing(std::string_view text) {
    if (text.empty()) return std::optional<Standing>{};
    TRY(const auto json, read_json(text, "standing of a change"));
    Standing was;
    was.domain = find_string(json, "domain").value_or("");
    const Json* labels = find(json, "labels");
    TRY(was.labels, read_labels(labels ? *labels : Json()));
    return std::optional<Standing>{std::move(was)};
}

Result<Resource> read_resource(const sqlite::Statement& row) {
    Resource r;
    r.kind = row.text(0);
    r.name = row.text(1);
    r.domain = row.text(2);
    TRY(const auto labels, read_json(row.text(3), "labels"));
    TRY(r.labels, read_labels(labels));
    TRY(r.spec, read_json(row.text(4), "spec"));
    TRY(r.status, read_json(row.text(5), "status"));
    r.generation = static_cast<std::uint64_t>(row.integer(6));
    r.revision = static_cast<std::uint64_t>(row.integer(7));
    r.created = {row.integer(8)};
    r.updated = {row.integer(9)};
    return r;
}

Result<std::optional<Resource>> load_resource(Prepared& prepared, const std::string& kind,
                                              const std::string& name) {
    TRY(auto* select, prepared.get(std::string("SELECT ") + resource_columns +
                                   " FROM resources r WHERE kind=?1 AND name=?2"));
    TRY(const bool row, select->bind(1, kind).bind(2, name).step());
    if (!row) return std::optional<Resource>{};
    auto resource = read_resource(*select);
    select->reset();
    if (!resource) return std::move(resource).error();
    return std::optional<Resource>{std::move(*resource)};
}

Result<Counters> load_counters(Prepared& prepared) {
    Counters counters;
    TRY(auto* select, prepared.get("SELECT key, value FROM counters"));
    for (;;) {
        TRY(const bool row, select->step());
        if (!row) break;
        auto& counter = select->text(0) == "revision" ? counters.revision : counters.compacted;
        counter = static_cast<std::uint64_t>(select->integer(1));
    }
    TRY(auto* last,
        prepared.get("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1"));
    TRY(const bool row, last->step());
    if (row) {
        counters.sequence = static_cast<std::uint64_t>(last->integer(0));
        TRY(counters.last, hash_of(last->blob(1), "the last audit fact"));
    }
    last->reset();
    return counters;
}

Result<audit::Hash> hash_of(ByteView blob, std::string_view whose) {
    audit::Hash hash;
    if (blob.size() != hash.size())
        return Error{Errc::corrupt, std::string(whose) + " has no hash of 32 bytes"};
    std::copy(blob.begin(), blob.end(), hash.begin());
    return hash;
}

Result<audit::Fact> read_fact(const sqlite::Statement& row) {
    audit::Fact fact;
    fact.sequence = static_cast<std::uint64_t>(row.integer(0));
    fact.time = {row.integer(1)};
    fact.actor = row.text(2);
    fact.action = row.text(3);
    fact.kind = row.text(4);
    fact.name = row.text(5);
    fact.revision = static_cast<std::uint64_t>(row.integer(6));
    fact.detail = row.text(7);
    const auto version = row.integer(9);
    fact.controls = row.text(10);
    if (version < 1 || version > 3 || (version == 1 && !fact.controls.empty()))
        return Error{Errc::corrupt, "audit fact " + std::to_string(fact.sequence) +
                                        " is of a version that this program does not know"};
    fact.version = static_cast<std::uint8_t>(version);
    TRY(fact.hash, hash_of(row.blob(8), "audit fact " + std::to_string(fact.sequence)));
    if (version < 3) return fact;
    TRY(fact.personal,
        hash_of(row.blob(11), "the personal part of audit fact " + std::to_string(fact.sequence)));
    const ByteView salt = row.blob(12);
    fact.salt.assign(salt.begin(), salt.end());
    return fact;
}

Result<std::vector<policy::TokenRecord>> load_tokens(Prepared& prepared, const std::string& user) {
    TRY(auto* select, prepared.get("SELECT hash, user, created, expires, purpose FROM tokens"
                                   " WHERE user=?1 ORDER BY created"));
    return read_tokens(select->bind(1, user));
}

Result<std::vector<policy::TokenRecord>> load_all_tokens(Prepared& prepared) {
    TRY(auto* select, prepared.get("SELECT hash, user, created, expires, purpose FROM tokens"
                                   " ORDER BY user, created"));
    return read_tokens(*select);
}

}  // namespace mw::registry
