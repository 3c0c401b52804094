using System;
using System.Collections.Generic;
using System.Numerics;

namespace Tbrm.MathVerify.Algebra;

/// <summary>
/// An expression as it was written: nothing is evaluated, sorted or simplified. Equality is structural, as sympy's
/// <c>==</c> is for unevaluated expressions. Immutable.
/// </summary>
internal abstract class Expr : IEquatable<Expr>
{
    private int _hash;

    public static bool operator ==(Expr? a, Expr? b) => a is null ? b is null : a.Equals(b);

    public static bool operator !=(Expr? a, Expr? b) => !(a == b);

    /// <summary>The parts, in written order.</summary>
    public virtual IReadOnlyList<Expr> Arguments => [];

    public bool Equals(Expr? other)
    {
        if (ReferenceEquals(this, other))
        {
            return true;
        }

        if (other is null || GetType() != other.GetType() || GetHashCode() != other.GetHashCode())
        {
            return false;
        }

        System.Runtime.CompilerServices.RuntimeHelpers.EnsureSufficientExecutionStack();
        Budget.Charge(1);
        return EqualsCore(other);
    }

    public sealed override bool Equals(object? obj) => obj is Expr other && Equals(other);

    public sealed override int GetHashCode()
    {
        if (_hash == 0)
        {
            System.Runtime.CompilerServices.RuntimeHelpers.EnsureSufficientExecutionStack();
            int hash = HashCore();
            _hash = hash == 0 ? 1 : hash;
        }

        return _hash;
    }

    /// <summary>Equality with an expression of the same type.</summary>
    protected abstract bool EqualsCore(Expr other);

    protected abstract int HashCore();

    protected static bool SameItems(IReadOnlyList<Expr> a, IReadOnlyList<Expr> b)
    {
        if (a.Count != b.Count)
        {
            return false;
        }

        for (int i = 0; i < a.Count; i++)
        {
            if (!a[i].Equals(b[i]))
            {
                return false;
            }
        }

        return true;
    }

    protected static int HashItems(int seed, IReadOnlyList<Expr> items)
    {
        Budget.Charge(1 + items.Count / 4);
        HashCode hash = default;
        hash.Add(seed);
        foreach (Expr item in items)
        {
            hash.Add(item.GetHashCode());
        }

        return hash.ToHashCode();
    }
}

/// <summary>An integer or a fraction.</summary>
internal sealed class NumberExpr(BigRational value) : Expr
{
    public static readonly NumberExpr Zero = new(0);
    public static readonly NumberExpr One = new(1);
    public static readonly NumberExpr MinusOne = new(-1);
    public static readonly NumberExpr Half = new(new BigRational(1, 2));
    public static readonly NumberExpr Hundredth = new(new BigRational(1, 100));

    public BigRational Value { get; } = value;

    public bool IsInteger => Value.IsInteger;

    protected override bool EqualsCore(Expr other) => Value == ((NumberExpr)other).Value;

    protected override int HashCore() => Value.GetHashCode();
}

/// <summary>A number written with a decimal point: binary, of limited precision.</summary>
/// <param name="value">The exact binary value.</param>
/// <param name="digits">Decimal digits of precision, at least 15.</param>
internal sealed class FloatExpr(BigRational value, int digits) : Expr
{
    public BigRational Value { get; } = value;

    public int Digits { get; } = digits;

    /// <summary>The binary precision that goes with a number of decimal digits.</summary>
    public static int BitsOf(int digits) =>
        Math.Max(1, (int)Math.Round((digits + 1) * 3.3219280948873626, MidpointRounding.ToEven));

    /// <summary>The Float nearest to <paramref name="value"/> at this many decimal digits.</summary>
    public static FloatExpr Create(BigRational value, int digits) =>
        new(BigFloat.FromRational(value, BitsOf(digits)).ToRational(), digits);

    protected override bool EqualsCore(Expr other) => Value == ((FloatExpr)other).Value;

    protected override int HashCore() => HashCode.Combine(1, Value);
}

/// <summary>The constants that have a name of their own.</summary>
internal enum ConstantKind
{
    Pi,
    E,
    ImaginaryUnit,
    Infinity,
    NegativeInfinity,
    ComplexInfinity,
    NotANumber,
    True,
    False,
}

/// <summary>One of the <see cref="ConstantKind"/>.</summary>
internal sealed class ConstantExpr : Expr
{
    public static readonly ConstantExpr Pi = new(ConstantKind.Pi);
    public static readonly ConstantExpr E = new(ConstantKind.E);
    public static readonly ConstantExpr ImaginaryUnit = new(ConstantKind.ImaginaryUnit);
    public static readonly ConstantExpr Infinity = new(ConstantKind.Infinity);
    public static readonly ConstantExpr NegativeInfinity = new(ConstantKind.NegativeInfinity);
    public static readonly ConstantExpr ComplexInfinity = new(ConstantKind.ComplexInfinity);
    public static readonly ConstantExpr NotANumber = new(ConstantKind.NotANumber);
    public static readonly ConstantExpr True = new(ConstantKind.True);
    public static readonly ConstantExpr False = new(ConstantKind.False);

    private ConstantExpr(ConstantKind kind) => Kind = kind;

    public ConstantKind Kind { get; }

    /// <summary>Infinities and nan count as numbers, pi and e do not.</summary>
    public bool IsNumber => Kind is ConstantKind.Infinity or ConstantKind.NegativeInfinity or ConstantKind.NotANumber;

    protected override bool EqualsCore(Expr other) => Kind == ((ConstantExpr)other).Kind;

    protected override int HashCore() => HashCode.Combine(2, Kind);
}

/// <summary>A variable.</summary>
/// <param name="name">Its name.</param>
/// <param name="isReal">Whether it stands for a real number; part of its identity.</param>
internal sealed class SymbolExpr(string name, bool isReal) : Expr
{
    public string Name { get; } = name;

    public bool IsReal { get; } = isReal;

    protected override bool EqualsCore(Expr other) => Name == ((SymbolExpr)other).Name
        && IsReal == ((SymbolExpr)other).IsReal;

    protected override int HashCore() => HashCode.Combine(Name.GetHashCode(StringComparison.Ordinal), IsReal);
}

/// <summary>An operation or function applied to arguments; see <see cref="Heads"/> for the names that have a
/// meaning.</summary>
internal sealed class ApplyExpr(string head, params Expr[] arguments) : Expr
{
    public string Head { get; } = head;

    public override IReadOnlyList<Expr> Arguments { get; } = arguments;

    public bool Is(string head) => Head == head;

    protected override bool EqualsCore(Expr other) =>
        Head == ((ApplyExpr)other).Head && SameItems(Arguments, ((ApplyExpr)other).Arguments);

    protected override int HashCore() => HashItems(Head.GetHashCode(StringComparison.Ordinal), Arguments);
}

/// <summary>A rectangular matrix, row by row.</summary>
internal sealed class MatrixExpr(int rows, int columns, Expr[] items) : Expr
{
    public int Rows { get; } = rows;

    public int Columns { get; } = columns;

    public override IReadOnlyList<Expr> Arguments { get; } = items;

    public Expr this[int row, int column] => Arguments[row * Columns + column];

    protected override bool EqualsCore(Expr other)
    {
        MatrixExpr matrix = (MatrixExpr)other;
        return Rows == matrix.Rows && Columns == matrix.Columns && SameItems(Arguments, matrix.Arguments);
    }

    protected override int HashCore() => HashItems(Rows, Arguments);
}

/// <summary>Names of the operations and functions that are more than a name.</summary>
internal static class Heads
{
    public const string Add = "+";
    public const string Mul = "*";
    public const string Pow = "^";
    public const string Abs = "Abs";
    public const string Exp = "exp";
    public const string Log = "log";
    public const string Factorial = "factorial";
    public const string Binomial = "binomial";
    public const string Floor = "floor";
    public const string Ceiling = "ceiling";
    public const string Mod = "Mod";
    public const string Max = "Max";
    public const string Min = "Min";
    public const string Sum = "Sum";
    public const string Product = "Product";
    public const string Integral = "Integral";
    public const string Derivative = "Derivative";
    public const string Limit = "Limit";
    public const string Not = "Not";

    /// <summary>A value that was computed while reading, but is not taken as a written number.</summary>
    public const string Held = "held";
    public const string MatMul = "MatMul";
    public const string MatAdd = "MatAdd";

    /// <summary>Prefix of the name of a function that has none of these meanings, as f in f(x).</summary>
    public const string Undefined = "function ";
}

/// <summary>Short ways to build expressions.</summary>
internal static class Build
{
    public static Expr Integer(BigInteger value) => new NumberExpr(value);

    public static Expr Number(BigRational value) => new NumberExpr(value);

    /// <summary>A sum; sums among the terms are written out, which is how the parser joins a + b + c.</summary>
    public static Expr FlatAdd(Expr left, Expr right) => Flat(Heads.Add, left, right);

    /// <summary>The same for any number of terms.</summary>
    public static Expr FlatAdd(IEnumerable<Expr> terms)
    {
        List<Expr> flat = [];
        foreach (Expr term in terms)
        {
            flat.AddRange(TermsOf(term, Heads.Add));
        }

        return new ApplyExpr(Heads.Add, [.. flat]);
    }

    /// <summary>A product; products among the factors are written out.</summary>
    public static Expr FlatMul(Expr left, Expr right) => Flat(Heads.Mul, left, right);

    public static Expr Mul(Expr left, Expr right) => new ApplyExpr(Heads.Mul, left, right);

    public static Expr Pow(Expr value, Expr exponent) => new ApplyExpr(Heads.Pow, value, exponent);

    public static Expr Divide(Expr left, Expr right) => Mul(left, Pow(right, NumberExpr.MinusOne));

    /// <summary>-x: carried out for numbers, a product with -1 for everything else.</summary>
    public static Expr Negate(Expr value) => value switch
    {
        NumberExpr number => new NumberExpr(-number.Value),
        FloatExpr number => new FloatExpr(-number.Value, number.Digits),
        ConstantExpr { Kind: ConstantKind.Infinity } => ConstantExpr.NegativeInfinity,
        ConstantExpr { Kind: ConstantKind.NegativeInfinity } => ConstantExpr.Infinity,
        _ => FlatMul(NumberExpr.MinusOne, value),
    };

    public static Expr Subtract(Expr left, Expr right) => FlatAdd(left, Negate(right));

    /// <summary>x percent, in the one shape that the comparison recognises.</summary>
    public static Expr Percent(Expr value) => Mul(value, NumberExpr.Hundredth);

    private static ApplyExpr Flat(string head, Expr left, Expr right)
    {
        IReadOnlyList<Expr> before = TermsOf(left, head), after = TermsOf(right, head);
        Budget.Charge(4 + (before.Count + after.Count) / 4);
        Expr[] all = new Expr[before.Count + after.Count];
        for (int i = 0; i < all.Length; i++)
        {
            all[i] = i < before.Count ? before[i] : after[i - before.Count];
        }

        return new ApplyExpr(head, all);
    }

    private static IReadOnlyList<Expr> TermsOf(Expr value, string head) =>
        value is ApplyExpr apply && apply.Is(head) ? apply.Arguments : [value];
}
