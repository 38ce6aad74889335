package awsenv

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/athena/types"

	"upshot.dev/upshot/pipeline/fault"
)

// cellParser reads the text of a value that is not null and appends it.
type cellParser func(b array.Builder, text string) error

// arrowColumns are the Arrow types of a result's columns, and how they are read.
func arrowColumns(info []types.ColumnInfo) (*arrow.Schema, []cellParser, error) {
	fields, parsers := make([]arrow.Field, len(info)), make([]cellParser, len(info))
	for i, c := range info {
		name, kind := aws.ToString(c.Name), strings.ToLower(aws.ToString(c.Type))
		t, parse := arrowColumn(kind)
		if t == nil {
			return nil, nil, fault.Invalidf("query: column %s is of type %s, whose text in Athena's results cannot be read back; "+
				"return text, for example array_join(%s, ',') or json_format(CAST(%s AS json))", name, kind, name, name)
		}
		fields[i], parsers[i] = arrow.Field{Name: name, Type: t, Nullable: true}, parse
	}
	return arrow.NewSchema(fields, nil), parsers, nil
}

// arrowColumn is the Arrow type for a type's name in Athena, the same that
// localenv gives for the same SQL; nil for one whose text is ambiguous.
func arrowColumn(kind string) (arrow.DataType, cellParser) {
	base, _, _ := strings.Cut(kind, "(") // timestamp(3), decimal(10,2)
	switch strings.TrimSpace(base) {
	case "boolean":
		return arrow.FixedWidthTypes.Boolean, parseBoolean
	case "tinyint", "smallint", "integer", "int", "bigint":
		return arrow.PrimitiveTypes.Int64, parseWhole
	case "double", "decimal":
		return arrow.PrimitiveTypes.Float64, parseDouble(64)
	case "float", "real":
		return arrow.PrimitiveTypes.Float64, parseDouble(32)
	case "date":
		return arrow.FixedWidthTypes.Date32, parseDate
	case "timestamp":
		if strings.HasSuffix(kind, "with time zone") {
			return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, parseInstant
		}
		return &arrow.TimestampType{Unit: arrow.Microsecond}, parseTimestamp
	case "timestamp with time zone":
		return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, parseInstant
	case "varbinary", "binary":
		return arrow.BinaryTypes.Binary, parseBinary
	case "array", "map", "row", "struct":
		return nil, nil
	default: // varchar, char, string, json, uuid, ipaddress, time, intervals
		return arrow.BinaryTypes.String, parseText
	}
}

// into appends a value to a builder that must be of type B.
func into[B array.Builder](b array.Builder, add func(B)) error {
	builder, ok := b.(B)
	if !ok {
		return fmt.Errorf("a column is built by a %T", b)
	}
	add(builder)
	return nil
}

func parseText(b array.Builder, text string) error {
	return into(b, func(b *array.StringBuilder) { b.Append(text) })
}

func parseBoolean(b array.Builder, text string) error {
	if text != "true" && text != "false" {
		return fmt.Errorf("%q is no boolean", text)
	}
	return into(b, func(b *array.BooleanBuilder) { b.Append(text == "true") })
}

func parseWhole(b array.Builder, text string) error {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return fmt.Errorf("%q is no whole number", text)
	}
	return into(b, func(b *array.Int64Builder) { b.Append(n) })
}

// parseDouble reads a number of so many bits; a narrow one is widened exactly.
func parseDouble(bits int) cellParser {
	return func(b array.Builder, text string) error {
		v, err := strconv.ParseFloat(text, bits)
		if err != nil {
			return fmt.Errorf("%q is no number", text)
		}
		return into(b, func(b *array.Float64Builder) { b.Append(v) })
	}
}

func parseDate(b array.Builder, text string) error {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return fmt.Errorf("%q is no date", text)
	}
	return into(b, func(b *array.Date32Builder) { b.Append(arrow.Date32FromTime(t)) })
}

// parseTimestamp reads "2026-11-01 10:00:00.000", with any number of decimals;
// what is finer than microseconds is cut off.
func parseTimestamp(b array.Builder, text string) error {
	t, err := time.Parse(time.DateTime, text)
	if err != nil {
		return fmt.Errorf("%q is no timestamp", text)
	}
	return into(b, func(b *array.TimestampBuilder) { b.Append(arrow.Timestamp(t.UnixMicro())) })
}

// parseInstant reads a timestamp with its zone behind it: UTC, Z or an offset.
// The time of day in any other zone may stand for two moments.
func parseInstant(b array.Builder, text string) error {
	at := strings.LastIndexByte(text, ' ')
	if at < 0 {
		return fmt.Errorf("%q is no timestamp with a zone", text)
	}
	zone := text[at+1:]
	if zone == "UTC" || zone == "Z" {
		return parseTimestamp(b, text[:at])
	}
	t, err := time.Parse(time.DateTime+" -07:00", text)
	if err != nil {
		return fmt.Errorf("%q is no timestamp in UTC; write at_timezone(..., 'UTC')", text)
	}
	return into(b, func(b *array.TimestampBuilder) { b.Append(arrow.Timestamp(t.UnixMicro())) })
}

// parseBinary reads "68 65 6c".
func parseBinary(b array.Builder, text string) error {
	v, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		return fmt.Errorf("%q is no bytes in hexadecimal", text)
	}
	return into(b, func(b *array.BinaryBuilder) { b.Append(v) })
}
