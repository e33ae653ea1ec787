#include "data/products/odcs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/random.h"
#include "base/schema.h"
#include "data/products/products.h"
#include "data/registry/registry.h"

namespace mw::products {
namespace {

const char* const pump_house = R"(
kind: DataProduct
name: pump-house
domain: plant-a
labels: {tier: gold}
spec:
  owner: operations
  description: "Eight sensors: of every pump"
  title: Pump house
  usage: Condition monitoring
  limitations: Not for billing
  version: 1.2.0
  status: active
  contract_id: 53581432-6c55-4ba2-a65f-72344a91553a
  classification: internal
  residency: [eu]
  tags: [pumps, "no", "2026-01-01"]
  select: {labels: {line: pumps}, signals: [flow, vibration, state, strokes, running, "1e3"]}
  team:
    name: Pump people
    description: They know
    members: [{username: ann@example.com, name: Ann, role: owner}, {username: bob}]
  consumers:
    - {name: maintenance, contact: mail, use: Alarms, signals: [flow]}
    - {name: energy}
  roles:
    - {role: viewer, access: read, description: Looks, first_level_approvers: ann}
  sla: {retention: 90d, latency: 1m30s, frequency: 1m, completeness: 0.995, availability: 0.99}
  signals:
    - {name: flow, unit: l/min, min: 0, max: 200.5, every: 1s, max_gap: 10s, late_p99: 5s,
       stuck_after: 2m, spike: 8, max_rate: 0.0000001, good_ratio: 0.98, required: true,
       critical: true, classification: confidential, tags: [inlet], description: At the inlet}
    - {name: vibration, type: frame, unit: g, min: -8, max: 8}
    - {name: state, type: string, values: ["on", "off"]}
    - {name: "1e3", type: string, pattern: "^[A-Z]{2}$"}
    - {name: strokes, type: int64, min: 0, required: false}
    - {name: running, type: bool}
)";

Resource resource_of(const std::string& yaml) {
    const auto documents = parse_yaml(yaml);
    EXPECT_TRUE(documents.ok()) << documents.error().message;
    const auto resource = resource_from_json(documents->at(0));
    EXPECT_TRUE(resource.ok()) << resource.error().message;
    const auto checked = registry::check(*resource);
    EXPECT_TRUE(checked.ok()) << checked.error().message;
    return *resource;
}

// As another program would get it.
Json through_yaml(const Json& contract) {
    const auto documents = parse_yaml(to_yaml(contract));
    EXPECT_TRUE(documents && documents->size() == 1);
    EXPECT_EQ(documents->at(0), contract);
    return documents->at(0);
}

std::string schema_path() {
    if (const char* path = std::getenv("MILLWRIGHT_ODCS_SCHEMA")) return path;
    return std::string(MW_SOURCE_DIR) + "/../shared/schemas/odcs-3.1.0.schema.json";
}

TEST(ContractExport, comes_back_as_the_same_product) {
    const auto product = resource_of(pump_house);
    const auto contract = export_contract(product);
    ASSERT_TRUE(contract) << contract.error().message;
    const auto again = import_contract(through_yaml(*contract), {});
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(mw::to_json(again->product), mw::to_json(product));
    EXPECT_TRUE(again->kept.empty()) << again->kept.front();
    EXPECT_TRUE(again->notes.empty());
}

TEST(ContractExport, says_in_the_standards_words_what_it_can) {
    const auto contract = *export_contract(resource_of(pump_house));
    const std::pair<const char*, const char*> expected[] = {
        {"apiVersion", "v3.1.0"},
        {"kind", "DataContract"},
        {"id", "53581432-6c55-4ba2-a65f-72344a91553a"},
        {"domain", "plant-a"},
        {"description.limitations", "Not for billing"},
        {"team.name", "Pump people"},
    };
    for (const auto& [path, value] : expected) EXPECT_EQ(find_string(contract, path), value);
    const auto& properties = find(contract, "schema")->get_array()[0];
    EXPECT_EQ(
        mw::to_json(find(properties, "properties")->get_array()[2]),
        R"({"name":"flow","logicalType":"number","logicalTypeOptions":{"minimum":0,)"
        R"("maximum":200.5},"required":true,"criticalDataElement":true,)"
        R"("classification":"confidential","description":"At the inlet","tags":["inlet"],)"
        R"("quality":[{"type":"custom","engine":"aiot","dimension":"conformity",)"
        R"("implementation":{"unit":"l/min"}},{"type":"custom","engine":"aiot",)"
        R"("dimension":"completeness","implementation":{"maxGap":"10s","statusGoodRatio":0.98}},)"
        R"({"type":"custom","engine":"aiot","dimension":"timeliness",)"
        R"("implementation":{"lateP99":"5s"}},{"type":"custom","engine":"aiot",)"
        R"("dimension":"accuracy","implementation":{"mad":8,"stuck":"2m",)"
        R"("rateOfChange":1e-07}}]})");
    EXPECT_EQ(mw::to_json(*find(contract, "slaProperties")),
              R"([{"property":"retention","value":90,"unit":"d"},)"
              R"({"property":"latency","value":"1m30s"},)"
              R"({"property":"frequency","value":1,"unit":"min"},)"
              R"({"property":"completeness","value":0.995,"unit":"ratio"},)"
              R"({"property":"availability","value":0.99,"unit":"ratio"},)"
              R"({"property":"frequency","value":1,"unit":"s","element":"pump-house.flow"}])");
}

TEST(ContractExport, needs_a_version) {
    auto product = resource_of(pump_house);
    product.spec.get_object().erase("version");
    const auto refused = export_contract(product);
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error().message.starts_with("spec.version: ")) << refused.error().message;
}

const char* const sales = R"Y(
apiVersion: v3.0.2
kind: DataContract
id: sales-1
name: Sales of all shops
version: 3.4.5
status: active
domain: sales
tenant: Shops
dataProduct: sales
tags: [orders]
description:
  purpose: Orders
  authoritativeDefinitions: [{url: "https://example.com", type: privacy-statement}]
price: {priceAmount: 9.95, priceCurrency: USD, priceUnit: megabyte}
support: [{channel: "#sales", tool: slack, url: "https://example.com/help"}]
servers:
  - {server: prod, type: postgresql, host: localhost, port: 5432, database: sales, schema: public}
contractCreatedTs: "2026-01-05T08:00:00Z"
team:
  - {username: carl, role: owner, dateIn: "2026-01-01"}
  - {username: dora, name: Dora}
roles:
  - {role: analyst, access: read, customProperties: [{property: via, value: vpn}]}
schema:
  - name: orders
    physicalName: orders_1_0
    physicalType: table
    dataGranularityDescription: One row an order
    quality: [{type: library, metric: rowCount, mustBeGreaterThan: 10}]
    properties:
      - {name: id, logicalType: integer, physicalType: bigint, primaryKey: true, required: true,
         unique: true}
      - {name: placed, logicalType: timestamp, physicalType: timestamptz}
      - {name: amount, logicalType: number, physicalType: "decimal(10,2)",
         classification: PII, logicalTypeOptions: {minimum: 0, exclusiveMaximum: 100000},
         quality: [{type: library, metric: nullValues, mustBe: 0, dimension: completeness},
                   {type: custom, engine: aiot, severity: high,
                    implementation: {unit: "1", other: 2}},
                   {type: custom, engine: soda, implementation: "type: duplicate"}]}
      - {name: country, logicalType: string, logicalTypeOptions: {maxLength: 2},
         quality: [{type: library, metric: invalidValues, arguments: {validValues: [DE, FR]},
                    mustBe: 0}]}
      - {name: address, logicalType: object, properties: [{name: street, logicalType: string}]}
      - {name: device, logicalType: string, description: The till}
  - {name: lines, properties: [{name: order_id, logicalType: integer}]}
slaProperties:
  - {property: latency, value: 4, unit: d, element: orders, driver: regulatory}
  - {property: retention, value: 3, unit: y, element: orders.placed}
  - {property: frequency, value: 1, unit: day, element: orders.amount}
  - {property: completeness, value: 99.9, unit: "%"}
  - {property: generalAvailability, value: "2022-05-12T09:30:10-08:00"}
customProperties:
  - {property: consumers, value: the board}
  - {property: owner, value: ann}
)Y";

// Everything of `part` is somewhere in `whole`; lists in any order.
bool holds(const Json& whole, const Json& part) {
    if (part.is_object() && whole.is_object())
        return std::ranges::all_of(part.get_object(), [&](const auto& pair) {
            const Json* value = whole.get_object().if_contains(pair.key());
            return value && holds(*value, pair.value());
        });
    if (part.is_array() && whole.is_array())
        return std::ranges::all_of(part.get_array(), [&](const Json& element) {
            return std::ranges::any_of(whole.get_array(),
                                       [&](const Json& mine) { return holds(mine, element); });
        });
    if (part.is_number() && whole.is_number())
        return part.to_number<double>() == whole.to_number<double>();
    return whole == part;
}

TEST(ContractImport, keeps_what_it_does_not_know_and_names_it) {
    auto contract = parse_yaml(sales)->at(0);
    const auto imported = import_contract(contract, {});
    ASSERT_TRUE(imported) << imported.error().message;
    const auto& product = imported->product;
    EXPECT_EQ(product.name, "orders");
    EXPECT_EQ(product.domain, "sales");
    EXPECT_EQ(find_string(product.spec, "title"), "Sales of all shops");
    const auto& signals = find(product.spec, "signals")->get_array();
    std::string told;
    for (const auto& signal : signals)
        told += *find_string(signal, "name") + ":" + find_string(signal, "type").value_or("") + " ";
    EXPECT_EQ(told, "id:int64 amount: country:string ");
    EXPECT_EQ(find_string(signals[1], "every"), "1d");
    EXPECT_EQ(find_string(signals[1], "unit"), "1");
    EXPECT_FALSE(find(signals[1], "classification")) << "PII is no level of ours";
    EXPECT_EQ(mw::to_json(*find(signals[2], "values")), R"(["DE","FR"])");
    EXPECT_EQ(mw::to_json(*find(product.spec, "sla")), R"({"latency":"4d","completeness":0.999})");
    EXPECT_EQ(mw::to_json(*find(product.spec, "team.members")),
              R"([{"username":"carl","role":"owner","foreign":{"dateIn":"2026-01-01"}},)"
              R"({"username":"dora","name":"Dora"}])");
    for (const char* path :
         {"tenant", "dataProduct", "price.priceAmount", "support[0].channel", "servers[0].host",
          "contractCreatedTs", "schema[0].physicalName", "schema[0].properties[0].name",
          "schema[0].amount.classification", "schema[0].amount.physicalType",
          "schema[0].amount.logicalTypeOptions.exclusiveMaximum", "schema[0].id.primaryKey",
          "schema[0].amount.quality[1].implementation.other", "schema[1].name",
          "slaProperties[0].driver", "slaProperties[1].value", "team.carl.dateIn",
          "roles.analyst.customProperties[0].value", "customProperties[0].value"})
        EXPECT_TRUE(std::ranges::find(imported->kept, path) != imported->kept.end()) << path;
    EXPECT_EQ(imported->notes.size(), 3u) << "API version, two tables, team as a list";
}

TEST(ContractImport, gives_a_foreign_contract_back_whole) {
    auto contract = parse_yaml(sales)->at(0);
    const auto imported = import_contract(contract, {});
    ASSERT_TRUE(imported) << imported.error().message;
    const auto exported = *export_contract(imported->product);
    // Said in another way: the version of the standard, the team, percents, where a level is
    // about the whole product, and the unit of the check that is ours.
    auto& expected = contract.get_object();
    expected["apiVersion"] = "v3.1.0";
    expected["team"] = JsonObject{{"members", expected["team"]}};
    auto& levels = expected["slaProperties"].get_array();
    levels[0].get_object().erase("element");
    levels[2].get_object()["unit"] = "d";
    levels[3] = JsonObject{{"property", "completeness"}, {"value", 0.999}, {"unit", "ratio"}};
    auto& table = expected["schema"].get_array()[0].get_object();
    auto& amount = table["properties"].get_array()[2].get_object();
    auto& rule = amount["quality"].get_array()[1].get_object();
    rule["implementation"].get_object().erase("unit");
    EXPECT_TRUE(holds(exported, contract)) << to_pretty_json(exported);
    const auto again = import_contract(through_yaml(exported), {});
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(*export_contract(again->product), exported);
}

TEST(ContractImport, lets_what_is_gone_take_its_rest_along) {
    auto product = import_contract(parse_yaml(sales)->at(0), {})->product;
    auto& signals = product.spec.get_object()["signals"].get_array();
    signals.erase(signals.begin() + 1);
    product.spec.get_object()["team"].get_object()["members"] = JsonArray{};
    product.spec.get_object()["sla"] = JsonObject{};
    const auto text = mw::to_json(*export_contract(product));
    for (const char* gone : {"amount\",\"logicalType", "exclusiveMaximum", "carl", "regulatory"})
        EXPECT_EQ(text.find(gone), text.npos) << gone;
}

TEST(ContractImport, says_what_it_can_not_take) {
    struct Case {
        const char *path, *value, *message;
    };
    const Case cases[] = {
        {"kind", R"("Contract")", "kind: want DataContract"},
        {"apiVersion", R"("v2.2.2")", "apiVersion: want v3.1.0"},
        {"version", R"("v1")", "as a DataProduct: spec.version: "},
        {"version", "1", "version: is required"},
        {"status", R"("live")", "as a DataProduct: spec.status: \"live\" is not one of"},
        {"domain", R"("Sales & Co")", "domain: 'Sales & Co' is no domain here"},
        {"id", "null", "id: is required"},
        {"team", "1", "team: must be an object"},
        {"schema", "[1]", "schema[0]: must be an object"},
    };
    for (const auto& c : cases) {
        auto contract = parse_yaml(sales)->at(0);
        contract.get_object()[c.path] = *parse_json(c.value);
        const auto refused = import_contract(contract, {.name = "orders"});
        ASSERT_FALSE(refused) << c.path;
        EXPECT_TRUE(refused.error().message.starts_with(c.message)) << refused.error().message;
    }
    auto contract = parse_yaml(sales)->at(0);
    contract.get_object()["domain"] = "Sales & Co";
    contract.get_object()["schema"] = JsonArray{};
    contract.get_object()["version"] = "v1";
    EXPECT_TRUE(import_contract(contract, {}).error().message.starts_with("name: "));
    const auto imported = import_contract(contract, {"orders", "sales", "1.0.0"});
    ASSERT_TRUE(imported) << imported.error().message;
    EXPECT_EQ(imported->product.domain, "sales");
    EXPECT_EQ(imported->notes.size(), 3u);
}

// Any part of a contract replaced by anything: refused with a reason, or kept so that a
// second round changes nothing more.
void spoil(Json& value, Random& random, int depth) {
    static const char* const anything[] = {
        "null",         "1", "-2.5", "true", R"("x")", "[]", "{}", "[1]", R"([{"name":"y"}])",
        R"({"x":[{}]})"};
    const bool stop = depth == 0 || random.below(4) == 0;
    if (!stop && value.is_object() && !value.get_object().empty()) {
        auto at = value.get_object().begin();
        at += static_cast<std::ptrdiff_t>(random.below(value.get_object().size()));
        return spoil(at->value(), random, depth - 1);
    }
    if (!stop && value.is_array() && !value.get_array().empty())
        return spoil(value.get_array()[random.below(value.get_array().size())], random, depth - 1);
    value = *parse_json(anything[random.below(std::size(anything))]);
}

TEST(ContractImport, survives_anything) {
    const std::uint64_t seed = 20260105;
    SCOPED_TRACE("seed " + std::to_string(seed));
    SeededRandom random(seed);
    const Json originals[] = {parse_yaml(sales)->at(0), *export_contract(resource_of(pump_house))};
    int accepted = 0;
    for (int round = 0; round < 300; ++round) {
        auto contract = originals[round % 2];
        for (auto times = 1 + random.below(3); times > 0; --times) spoil(contract, random, 6);
        const auto imported = import_contract(contract, {});
        if (!imported) {
            EXPECT_FALSE(imported.error().message.empty());
            continue;
        }
        ++accepted;
        const auto exported = export_contract(imported->product);
        ASSERT_TRUE(exported) << exported.error().message;
        const auto again = import_contract(*exported, {});
        ASSERT_TRUE(again) << again.error().message << "\n" << mw::to_json(*exported);
        ASSERT_EQ(*export_contract(again->product), *exported);
    }
    EXPECT_GT(accepted, 50);
}

TEST(ContractExport, satisfies_the_official_schema) {
    std::ifstream file(schema_path());
    if (!file)
        GTEST_SKIP() << "no " << schema_path()
                     << ": set MILLWRIGHT_ODCS_SCHEMA to the standard's JSON Schema 3.1.0 to "
                        "validate against it; what is exported is asserted by the tests above";
    std::ostringstream text;
    text << file.rdbuf();
    const auto schema = Schema::compile(*parse_json(text.str()));
    ASSERT_TRUE(schema) << schema.error().message;
    const Json contracts[] = {
        *export_contract(resource_of(pump_house)),
        *export_contract(import_contract(parse_yaml(sales)->at(0), {})->product)};
    for (const auto& contract : contracts) {
        const auto valid = schema->check(through_yaml(contract));
        EXPECT_TRUE(valid) << valid.error().message;
    }
    auto broken = contracts[0];
    broken.get_object()["kind"] = "Contract";
    EXPECT_FALSE(schema->check(broken)) << "the schema is not looked at";
}

}  // namespace
}  // namespace mw::products
