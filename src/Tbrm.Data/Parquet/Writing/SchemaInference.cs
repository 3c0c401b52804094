using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using ParquetSharp;
using ParquetSharp.Schema;
using Tbrm.Data.Json;

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
    internal GroupNode Build() => new("schema", Repetition.Required, Nodes(_root));

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

    private static Node[] Nodes(Shape group) => [.. group.Children.Select(child => Node(child.Name, child.Shape))];

    // The group that a node is given to keeps it.
#pragma warning disable CA2000
    private static Node Node(string name, Shape shape)
    {
        return shape.Kind switch
        {
            Kind.Boolean => Leaf(PhysicalType.Boolean, null),
            Kind.Integer => Leaf(PhysicalType.Int64, null),
            Kind.Real => Leaf(PhysicalType.Double, null),
            Kind.Text => Leaf(PhysicalType.ByteArray, LogicalType.String()),
            Kind.List => new GroupNode(name, Repetition.Optional,
                [new GroupNode("list", Repetition.Repeated, [Node("element", shape.Child("element"))])],
                LogicalType.List()),
            Kind.Struct => new GroupNode(name, Repetition.Optional, Nodes(shape)),
            _ => Leaf(PhysicalType.ByteArray, LogicalType.Json()),
        };

        PrimitiveNode Leaf(PhysicalType type, LogicalType? logical) =>
            new(name, Repetition.Optional, logical ?? LogicalType.None(), type);
    }
#pragma warning restore CA2000

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
