#include "protocols/mqtt/passed_exchanges.h"

namespace mw::mqtt {

struct PassedExchanges::Item final : Journal::Item {
    explicit Item(const Key& key) : key(key) {}
    void rewrite(Journal& journal) override {
        JournalRecord record;
        record.kind = JournalRecord::Kind::received;
        record.session = key.first;
        record.packet_id = key.second;
        journal.keep(record, *this);
    }
    Key key;
};

PassedExchanges::PassedExchanges() = default;
PassedExchanges::~PassedExchanges() = default;

void PassedExchanges::keep(SessionNumber session, PacketId id, const Journal::Item& with) {
    journal_->keep_at(with.place(), restore(session, id));
}

Journal::Item& PassedExchanges::restore(SessionNumber session, PacketId id) {
    auto& item = all_[{session, id}];
    if (!item) item = std::make_unique<Item>(Key{session, id});
    return *item;
}

Ticket PassedExchanges::finish(const FinishedExchange& exchange) {
    if (exchange.id == 0) return finish_session(exchange.session);
    if (all_.erase({exchange.session, exchange.id}) == 0) return {};
    JournalRecord record;
    record.kind = JournalRecord::Kind::released;
    record.session = exchange.session;
    record.packet_id = exchange.id;
    return journal_->note(record);
}

Ticket PassedExchanges::finish_session(SessionNumber session) {
    const auto first = all_.lower_bound({session, 0}), last = all_.lower_bound({session + 1, 0});
    if (first == last) return {};
    all_.erase(first, last);
    JournalRecord record;
    record.kind = JournalRecord::Kind::ended;
    record.session = session;
    return journal_->note(record);
}

}  // namespace mw::mqtt
