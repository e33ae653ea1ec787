#include "data/duckdb/types.h"

#include <duckdb.h>

#include <array>
#include <utility>

#include "base/assert.h"
#include "data/duckdb/handles.h"

namespace mw::duckdb {
namespace {

struct KindName {
    duckdb_type raw;
    Kind kind;
    std::string_view name;
};
constexpr std::array kind_names{
    KindName{DUCKDB_TYPE_BOOLEAN, Kind::boolean, "BOOLEAN"},
    KindName{DUCKDB_TYPE_TINYINT, Kind::tinyint, "TINYINT"},
    KindName{DUCKDB_TYPE_SMALLINT, Kind::smallint, "SMALLINT"},
    KindName{DUCKDB_TYPE_INTEGER, Kind::integer, "INTEGER"},
    KindName{DUCKDB_TYPE_BIGINT, Kind::bigint, "BIGINT"},
    KindName{DUCKDB_TYPE_UTINYINT, Kind::utinyint, "UTINYINT"},
    KindName{DUCKDB_TYPE_USMALLINT, Kind::usmallint, "USMALLINT"},
    KindName{DUCKDB_TYPE_UINTEGER, Kind::uinteger, "UINTEGER"},
    KindName{DUCKDB_TYPE_UBIGINT, Kind::ubigint, "UBIGINT"},
    KindName{DUCKDB_TYPE_HUGEINT, Kind::hugeint, "HUGEINT"},
    KindName{DUCKDB_TYPE_UHUGEINT, Kind::uhugeint, "UHUGEINT"},
    KindName{DUCKDB_TYPE_FLOAT, Kind::real, "FLOAT"},
    KindName{DUCKDB_TYPE_DOUBLE, Kind::double_, "DOUBLE"},
    KindName{DUCKDB_TYPE_DECIMAL, Kind::decimal, "DECIMAL"},
    KindName{DUCKDB_TYPE_VARCHAR, Kind::varchar, "VARCHAR"},
    KindName{DUCKDB_TYPE_BLOB, Kind::blob, "BLOB"},
    KindName{DUCKDB_TYPE_DATE, Kind::date, "DATE"},
    KindName{DUCKDB_TYPE_TIME, Kind::time, "TIME"},
    KindName{DUCKDB_TYPE_INTERVAL, Kind::interval, "INTERVAL"},
    KindName{DUCKDB_TYPE_UUID, Kind::uuid, "UUID"},
    KindName{DUCKDB_TYPE_TIMESTAMP_S, Kind::timestamp_s, "TIMESTAMP_S"},
    KindName{DUCKDB_TYPE_TIMESTAMP_MS, Kind::timestamp_ms, "TIMESTAMP_MS"},
    KindName{DUCKDB_TYPE_TIMESTAMP, Kind::timestamp_us, "TIMESTAMP"},
    KindName{DUCKDB_TYPE_TIMESTAMP_NS, Kind::timestamp_ns, "TIMESTAMP_NS"},
    KindName{DUCKDB_TYPE_TIMESTAMP_TZ, Kind::timestamp_tz, "TIMESTAMP WITH TIME ZONE"},
    KindName{DUCKDB_TYPE_ENUM, Kind::enumeration, "ENUM"},
    KindName{DUCKDB_TYPE_LIST, Kind::list, "LIST"},
    KindName{DUCKDB_TYPE_STRUCT, Kind::structure, "STRUCT"},
    KindName{DUCKDB_TYPE_MAP, Kind::map, "MAP"},
    KindName{DUCKDB_TYPE_ARRAY, Kind::array, "ARRAY"},
    KindName{DUCKDB_TYPE_SQLNULL, Kind::null, "NULL"},
    KindName{DUCKDB_TYPE_INVALID, Kind::other, "OTHER"},
};

std::string taken(char* owned) {
    std::string text = owned != nullptr ? owned : "";
    duckdb_free(owned);
    return text;
}

}  // namespace

std::string_view to_string(Kind kind) {
    for (const KindName& row : kind_names) {
        if (row.kind == kind) return row.name;
    }
    return "OTHER";
}

std::string Type::text() const {
    switch (kind) {
        case Kind::decimal:
            return "DECIMAL(" + std::to_string(width) + "," + std::to_string(scale) + ")";
        case Kind::list:
            return children.at(0).text() + "[]";
        case Kind::array:
            return children.at(0).text() + "[" + std::to_string(size) + "]";
        case Kind::structure: {
            std::string text = "STRUCT(";
            for (std::size_t i = 0; i < children.size(); ++i) {
                if (i > 0) text += ", ";
                text += names[i] + " " + children[i].text();
            }
            return text + ")";
        }
        case Kind::map: {
            const Type& entry = children.at(0);
            return "MAP(" + entry.children.at(0).text() + ", " + entry.children.at(1).text() + ")";
        }
        default:
            return std::string(to_string(kind));
    }
}

LogicalType logical_type(const Type& type) {
    if (type.kind == Kind::enumeration) {
        std::vector<const char*> names;
        for (const std::string& name : type.names) names.push_back(name.c_str());
        return LogicalType{duckdb_create_enum_type(names.data(), names.size())};
    }
    for (const KindName& row : kind_names) {
        if (row.kind == type.kind) return LogicalType{duckdb_create_logical_type(row.raw)};
    }
    return LogicalType{duckdb_create_logical_type(DUCKDB_TYPE_INVALID)};
}

Type described(duckdb_logical_type raw) {
    Type type;
    const duckdb_type id = duckdb_get_type_id(raw);
    for (const KindName& row : kind_names) {
        if (row.raw == id) type.kind = row.kind;
    }
    auto add_child = [&type](duckdb_logical_type child) {
        const LogicalType owned{child};
        type.children.push_back(described(owned.get()));
    };
    switch (type.kind) {
        case Kind::decimal:
            type.width = duckdb_decimal_width(raw);
            type.scale = duckdb_decimal_scale(raw);
            break;
        case Kind::list:
            add_child(duckdb_list_type_child_type(raw));
            break;
        case Kind::array:
            type.size = static_cast<std::uint32_t>(duckdb_array_type_array_size(raw));
            add_child(duckdb_array_type_child_type(raw));
            break;
        case Kind::map: {  // stored as a list of {key, value}
            Type entry{.kind = Kind::structure, .names = {"key", "value"}};
            std::swap(entry.children, type.children);
            add_child(duckdb_map_type_key_type(raw));
            add_child(duckdb_map_type_value_type(raw));
            std::swap(entry.children, type.children);
            type.children.push_back(std::move(entry));
            break;
        }
        case Kind::structure:
            for (idx_t i = 0; i < duckdb_struct_type_child_count(raw); ++i) {
                type.names.push_back(taken(duckdb_struct_type_child_name(raw, i)));
                add_child(duckdb_struct_type_child_type(raw, i));
            }
            break;
        case Kind::enumeration:
            for (idx_t i = 0; i < duckdb_enum_dictionary_size(raw); ++i) {
                type.names.push_back(taken(duckdb_enum_dictionary_value(raw, i)));
            }
            break;
        default:
            break;
    }
    return type;
}

Vector::Vector(_duckdb_vector* raw, const Type* type)
    : raw_(raw),
      type_(type),
      data_(duckdb_vector_get_data(raw)),
      validity_(duckdb_vector_get_validity(raw)) {}

std::string_view Vector::text(std::size_t row) const {
    const auto& element = static_cast<const duckdb_string_t*>(data_)[row];
    const std::uint32_t length = element.value.inlined.length;
    // Up to 12 bytes live in the element itself (duckdb.h, duckdb_string_t).
    if (length <= 12) return {element.value.inlined.inlined, length};
    return {element.value.pointer.ptr, length};
}

Vector Vector::child(std::size_t index) const {
    ASSERT(index < type_->children.size());
    switch (type_->kind) {
        case Kind::structure:
            return {duckdb_struct_vector_get_child(raw_, index), &type_->children[index]};
        case Kind::array:
            return {duckdb_array_vector_get_child(raw_), &type_->children[index]};
        default:
            return {duckdb_list_vector_get_child(raw_), &type_->children[index]};
    }
}

}  // namespace mw::duckdb
