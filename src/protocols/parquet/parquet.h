#pragma once
// The door of protocols/parquet: Parquet files of one table, written by anyone, read from bytes
// without I/O (apache/parquet-format). Bytes may be anything: what does not fit is refused, and
// nothing is read beyond them. One thread at a time.

#include "protocols/parquet/byte_reader.h"
#include "protocols/parquet/table_file.h"
#include "protocols/parquet/thrift_reader.h"
