using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Tbrm.Data.Json;
using Tbrm.Data.Parquet.Metadata;
using Tbrm.Data.Parquet.Schema;

namespace Tbrm.Data.Parquet.Writing;

/// <summary>
/// Finds the schema that a set of rows fits: booleans, 64-bit integers, doubles, text, lists, structs, all of them
/// optional.
/// Where rows disagree (a number here, text there), and for objects without keys, the column holds JSON text, which
/// readers here turn back into the same values.
/// </summary>
public sealed class SchemaInference
{
    internal static readonly JsonSerializerOptions ReadableJson =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly Shape _root = new() { Kind = Kind.Struct };

    private enum Kind
    {
        Unknown,
        Boolean,
        Integer,
        Real,
        Text,
        List,
        Struct,
        Json,
    }

    /// <summary>Takes a row into account.</summary>
    public void Add(JsonObject row) => Merge(_root, row, isRoot: true);

    /// <summary>The schema of all rows so far.</summary>
    internal SchemaNode Build()
    {
        List<SchemaElement> elements =
            [new("schema", null, 0, Repetition.Required, _root.Children.Count, LogicalType.None)];
        foreach ((string name, Shape shape) in _root.Children)
        {
            Append(elements, name, shape);
        }

        return SchemaTree.Build(elements);
    }

    private static void Merge(Shape shape, JsonNode? value, bool isRoot = false)
    {
        if (value is null || shape.Kind == Kind.Json)
        {
            return;
        }

        Kind kind = KindOf(value, isRoot);
        shape.Kind = (shape.Kind, kind) switch
        {
            (Kind.Unknown, _) => kind,
            (Kind.Integer, Kind.Real) or (Kind.Real, Kind.Integer) => Kind.Real,
            _ when shape.Kind == kind => kind,
            _ => Kind.Json,
        };
        if (shape.Kind == Kind.Struct)
        {
            foreach ((string name, JsonNode? child) in value.AsObject())
            {
                Merge(shape.Child(name), child);
            }
        }
        else if (shape.Kind == Kind.List)
        {
            foreach (JsonNode? element in value.AsArray())
            {
                Merge(shape.Child("element"), element);
            }
        }
    }

    private static Kind KindOf(JsonNode value, bool isRoot) => value.GetValueKind() switch
    {
        JsonValueKind.True or JsonValueKind.False => Kind.Boolean,
        JsonValueKind.Number => JsonNumbers.TryGetInteger(value, out _) ? Kind.Integer : IsExactDouble(value)
            ? Kind.Real : Kind.Json,
        JsonValueKind.String => Kind.Text,
        JsonValueKind.Array => Kind.List,
        JsonValueKind.Object when isRoot || value.AsObject().Count > 0 => Kind.Struct,
        _ => Kind.Json,
    };

    /// <summary>An integer beyond 64 bits or a long decimal would lose digits as a double.</summary>
    private static bool IsExactDouble(JsonNode value)
    {
        const int ExactDigits = 15;
        string text = value.ToJsonString();
        return text.Count(char.IsAsciiDigit) <= ExactDigits
            || text == JsonValue.Create(JsonNumbers.GetReal(value)).ToJsonString();
    }

    private static void Append(List<SchemaElement> elements, string name, Shape shape)
    {
        switch (shape.Kind)
        {
            case Kind.Boolean:
                elements.Add(Leaf(name, PhysicalType.Boolean, LogicalKind.None));
                break;
            case Kind.Integer:
                elements.Add(Leaf(name, PhysicalType.Int64, LogicalKind.None));
                break;
            case Kind.Real:
                elements.Add(Leaf(name, PhysicalType.Double, LogicalKind.None));
                break;
            case Kind.Text:
                elements.Add(Leaf(name, PhysicalType.ByteArray, LogicalKind.String));
                break;
            case Kind.List:
                elements.Add(new SchemaElement(
                    name, null, 0, Repetition.Optional, 1, new LogicalType(LogicalKind.List)));
                elements.Add(new SchemaElement("list", null, 0, Repetition.Repeated, 1, LogicalType.None));
                Append(elements, "element", shape.Child("element"));
                break;
            case Kind.Struct:
                elements.Add(new SchemaElement(
                    name, null, 0, Repetition.Optional, shape.Children.Count, LogicalType.None));
                foreach ((string childName, Shape child) in shape.Children)
                {
                    Append(elements, childName, child);
                }

                break;
            default:
                elements.Add(Leaf(name, PhysicalType.ByteArray, LogicalKind.Json));
                break;
        }
    }

    private static SchemaElement Leaf(string name, PhysicalType type, LogicalKind logical)
    {
        return new SchemaElement(name, type, 0, Repetition.Optional, 0, new LogicalType(logical));
    }

    private sealed class Shape
    {
        private readonly Dictionary<string, Shape> _byName = new(StringComparer.Ordinal);

        public Kind Kind { get; set; }

        public List<(string Name, Shape Shape)> Children { get; } = [];

        public Shape Child(string name)
        {
            if (!_byName.TryGetValue(name, out Shape? child))
            {
                child = new Shape();
                _byName.Add(name, child);
                Children.Add((name, child));
            }

            return child;
        }
    }
}
