#include "surface/api/write_door.h"

#include <algorithm>

#include "platform/gzip/gzip.h"

namespace mw::api {
namespace {

constexpr std::size_t reasons_max = 10;
constexpr std::size_t spare_pieces_max = 16;

}  // namespace

struct WriteDoor::Desk {
    explicit Desk(line_protocol::Naming naming) : lines(std::move(naming)) {}
    line_protocol::Parser lines;
    payload::Decoder json;
    payload::BinaryDecoder binary;
};

// What one parse gives. The batches travel to the data loop and come back to be filled again.
struct WriteDoor::Piece {
    line_protocol::Parsed parsed;
    std::shared_ptr<std::vector<Batch>> batches = std::make_shared<std::vector<Batch>>();
    std::string first_key;  // of the text that it was filled with
};

// A body counts until its request is answered.
struct WriteDoor::Admitted {
    Admitted(WriteDoor& owner, std::size_t size) : door(owner), bytes(size) { change(true); }
    ~Admitted() { change(false); }
    Admitted(const Admitted&) = delete;
    void change(bool more) const {
        door.waiting_bytes_ += more ? bytes : -bytes;
        door.waiting_.set(static_cast<double>(door.waiting_bytes_));
    }
    WriteDoor& door;
    std::size_t bytes;
};

WriteDoor::WriteDoor(WriteOptions options, PointDesk* desk, const Clock& clock,
                     metrics::Registry& metrics)
    : options_(std::move(options)),
      desk_(desk),
      clock_(clock),
      points_(metrics.counter("millwright_api_points_stored_total", "Points stored over HTTP.")),
      refused_(metrics.counter("millwright_api_points_refused_total",
                               "Lines, fields and points over HTTP that were refused.")),
      pushed_back_(metrics.counter("millwright_api_writes_pushed_back_total",
                                   "Writes over HTTP that must come again.")),
      waiting_(metrics.gauge("millwright_api_writes_waiting_bytes",
                             "Bodies of writes that are not yet answered.")),
      at_work_(std::make_shared<Desk>(options_.naming)),
      workers_({.threads = 1, .queue = 1'024, .niceness = 0, .name = "lines"}) {}

WriteDoor::~WriteDoor() = default;

Result<> WriteDoor::admit(std::size_t bytes) {
    if (!desk_) return Error{Errc::not_found, "this hub keeps no history"};
    if (waiting_bytes_ + bytes <= options_.waiting_bytes_max) return {};
    pushed_back_.add();
    return Error{Errc::overloaded, "writes of " + std::to_string(waiting_bytes_) +
                                       " bytes are waiting already; send it again after a second"};
}

Task<std::string> WriteDoor::unpacked(std::string body, bool gzip) {
    if (!gzip) co_return std::move(body);
    auto job = [packed = std::move(body), most = options_.unpacked_bytes_max] {
        return gzip::unpack(packed, most);
    };
    co_return co_await workers_.run(std::move(job));
}

// A client's texts resemble each other: batches that held the same devices keep their names.
std::shared_ptr<WriteDoor::Piece> WriteDoor::spare_piece(std::string_view key) {
    auto chosen = std::ranges::find(spare_, key,
                                    [](const auto& p) { return std::string_view(p->first_key); });
    if (chosen == spare_.end() && spare_.size() == spare_pieces_max) chosen = spare_.begin();
    if (chosen == spare_.end()) {
        auto made = std::make_shared<Piece>();
        made->first_key = key;
        return made;
    }
    auto piece = std::move(*chosen);
    spare_.erase(chosen);
    piece->first_key = key;
    return piece;
}

Task<WriteReport> WriteDoor::write_lines(WriteOrder order) {
    CO_TRY_VOID(admit(order.body.size()));
    const Admitted admitted(*this, order.body.size());
    auto unpacking = unpacked(std::move(order.body), order.gzip);
    CO_TRY(auto body, co_await std::move(unpacking));
    const auto text = std::make_shared<const std::string>(std::move(body));
    line_protocol::Context context{order.unit_ns, clock_.now(), std::move(order.device)};
    WriteReport report;
    const std::size_t key_end = std::min(text->find(' '), std::size_t{256});
    const auto piece = spare_piece(std::string_view(*text).substr(0, key_end));
    for (std::size_t at = 0; at < text->size(); at += piece->parsed.consumed) {
        auto job = [desk = at_work_, text, at, context, piece] {
            piece->parsed.batches.swap(*piece->batches);
            desk->lines.parse(std::string_view(*text).substr(at), context, piece->parsed);
            piece->parsed.batches.swap(*piece->batches);
        };
        CO_TRY_VOID(co_await workers_.run(std::move(job)));
        const auto& parsed = piece->parsed;
        context.lines_before = parsed.last_line;
        report.refused += parsed.refused;
        for (const auto& error : parsed.errors) {
            if (report.first_line == 0) report.first_line = error.line;
            if (report.reasons.size() < reasons_max)
                report.reasons.push_back("line " + std::to_string(error.line) + ", column " +
                                         std::to_string(error.column) + ": " + error.message);
        }
        if (parsed.devices == 0) continue;
        PointDesk::Load load{piece->batches, parsed.devices};
        auto storing = store(std::move(load), report);
        CO_TRY_VOID(co_await std::move(storing));
    }
    CO_TRY_VOID(co_await finish(report));
    if (spare_.size() < spare_pieces_max) spare_.push_back(piece);
    co_return std::move(report);
}

Task<WriteReport> WriteDoor::write_json(WriteOrder order) {
    CO_TRY_VOID(admit(order.body.size()));
    const Admitted admitted(*this, order.body.size());
    auto unpacking = unpacked(std::move(order.body), order.gzip);
    CO_TRY(auto body, co_await std::move(unpacking));
    const auto batches = std::make_shared<std::vector<Batch>>(1);
    Batch& batch = batches->front();
    batch.device.text = std::move(order.device);
    batch.position.stream = std::move(order.stream);
    batch.arrival = clock_.now();
    auto job = [desk = at_work_, body = std::move(body), batches] {
        return desk->json.decode(body, batches->front());
    };
    CO_TRY_VOID(co_await workers_.run(std::move(job)));
    PointDesk::Load load{batches, 1};
    WriteReport report;
    auto storing = store(std::move(load), report);
    CO_TRY_VOID(co_await std::move(storing));
    CO_TRY_VOID(co_await finish(report));
    co_return std::move(report);
}

// Fills a piece from the front of `body`; nothing at its end.
Result<WriteDoor::Filled> WriteDoor::decode_piece(Desk& desk, std::string_view body,
                                                  const WriteOrder& order, Timestamp now,
                                                  std::vector<Batch>& into) {
    constexpr std::size_t points_of_a_piece = 32'768;
    Filled filled;
    for (std::size_t points = 0; filled.bytes < body.size() && points < points_of_a_piece;) {
        if (into.size() == filled.batches) into.emplace_back();
        Batch& batch = into[filled.batches];
        const auto rest = bytes_of(body.substr(filled.bytes));
        TRY(const auto bytes, desk.binary.decode(rest, order.device, batch));
        batch.position.stream = order.stream;
        batch.arrival = now;
        points += batch.size();
        filled.bytes += bytes;
        ++filled.batches;
    }
    return filled;
}

Task<WriteReport> WriteDoor::write_binary(WriteOrder order) {
    CO_TRY_VOID(admit(order.body.size()));
    const Admitted admitted(*this, order.body.size());
    auto unpacking = unpacked(std::move(order.body), order.gzip);
    CO_TRY(auto body, co_await std::move(unpacking));
    const auto text = std::make_shared<const std::string>(std::move(body));
    constexpr std::size_t names_at = 40;  // of a batch
    const auto piece =
        spare_piece(text->size() < names_at ? std::string_view()
                                            : std::string_view(*text).substr(names_at, 64));
    const auto asked = std::make_shared<const WriteOrder>(std::move(order));
    WriteReport report;
    for (std::size_t at = 0; at < text->size();) {
        auto job = [desk = at_work_, text, at, asked, piece, now = clock_.now()] {
            return decode_piece(*desk, std::string_view(*text).substr(at), *asked, now,
                                *piece->batches);
        };
        auto filled = co_await workers_.run(std::move(job));
        if (!filled)
            co_return std::move(filled).error().context(
                "after " + std::to_string(report.points) +
                " points that are stored, in the batches from byte " + std::to_string(at));
        at += filled->bytes;
        PointDesk::Load load{piece->batches, filled->batches};
        auto storing = store(std::move(load), report);
        CO_TRY_VOID(co_await std::move(storing));
    }
    CO_TRY_VOID(co_await finish(report));
    if (spare_.size() < spare_pieces_max) spare_.push_back(piece);
    co_return std::move(report);
}

Task<> WriteDoor::store(PointDesk::Load load, WriteReport& report) {
    auto storing = desk_->store(std::move(load));
    auto stored = co_await std::move(storing);
    if (!stored && stored.error().code == Errc::overloaded) pushed_back_.add();
    if (!stored) co_return std::move(stored).error();
    add(report, *stored);
    co_return Result<>{};
}

// What was stored is durable when this ends.
Task<> WriteDoor::finish(const WriteReport& report) {
    if (report.points > 0) CO_TRY_VOID(co_await desk_->flush());
    points_.add(report.points);
    refused_.add(report.refused);
    co_return Result<>{};
}

void WriteDoor::add(WriteReport& report, const PointDesk::Outcome& stored) const {
    report.points += stored.points;
    for (const auto& refused : stored.refused) {
        report.refused += refused.points;
        const bool known =
            std::ranges::find(report.reasons, refused.reason) != report.reasons.end();
        if (!known && report.reasons.size() < reasons_max) report.reasons.push_back(refused.reason);
    }
}

}  // namespace mw::api
