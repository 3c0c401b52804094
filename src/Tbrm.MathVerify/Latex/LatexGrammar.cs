using System.Collections.Generic;
using Tbrm.MathVerify.Algebra;
using static Tbrm.MathVerify.Latex.TokenKind;

namespace Tbrm.MathVerify.Latex;

/// <summary>
/// The grammar of latex2sympy2_extended 1.10.2 (PS.g4), rule for rule and in its order of alternatives. Left-recursive
/// rules appear as operand (operator operand)*, which is how they associate.
/// </summary>
internal sealed class LatexGrammar
{
    /// <summary>Longer texts take more than the steps of one answer, and a table of hundreds of bytes for each
    /// token.</summary>
    private const int MaxTokens = 50_000;

    private readonly Dictionary<string, ParseRule> _rules = [];

    private LatexGrammar()
    {
        DefineSets();
        DefineExpressions();
        DefineGroups();
        DefineFunctions();
        DefineMatrices();
        foreach (ParseRule rule in _rules.Values)
        {
            rule.CanStart(End); // computes its table now, so that parses on many threads only read it
        }
    }

    public static LatexGrammar Instance { get; } = new();

    /// <summary>Parses a whole text.</summary>
    /// <exception cref="LatexException">The text is not in the language.</exception>
    public static ParseTree Parse(string text, Budget budget)
    {
        Token[] tokens = LatexLexer.Tokenize(text, budget);
        if (tokens.Length > MaxTokens)
        {
            throw new BudgetExceededException();
        }

        budget.Spend(32L * tokens.Length);
        ParseRun run = new(tokens, Instance._rules.Count, budget);
        SuccessList results = run.MatchRule(Instance._rules["math"], 0);
        return results.Count > 0 ? results[0].Trees!.Last
            : throw new LatexException("this is not a mathematical expression");
    }

    private void DefineSets()
    {
        Rule("math", Seq(Any(R("set_elements_relation"), R("set_elements"), R("set_relation")), T(End)));
        Rule("set_relation", Binary(
            Any(Seq(R("atom_expr_list"), T(In, NotIn, Assignment), R("set_relation")), R("minus_expr")),
                T(Subset, Superset)));
        Rule("minus_expr", Binary(R("union_expr"), T(SetMinus)));
        Rule("union_expr", Binary(R("intersection_expr"), T(Union)));
        Rule("intersection_expr", Binary(R("set_group"), T(Intersection)));
        Rule("set_group", Any(Seq(T(LeftParen), R("minus_expr"), T(RightParen)), R("set_atom")));
        Rule("set_atom", Any(R("interval"), R("literal_set"), R("ordered_tuple"), R("finite_set")));
        Rule("interval", Seq(
            T(LeftBracket, LeftParen, LeftParenVisual, LeftBrack, LeftGroup), R("expr"), T(Comma), R("expr"),
            T(RightBracket, RightParen, RightParenVisual, RightBrack, RightGroup)));
        Rule("ordered_tuple", Any(
            Seq(T(LeftParen), R("semicolon_elements"), T(RightParen)),
            Seq(T(LeftParenVisual), R("semicolon_elements"), T(RightParenVisual)),
            Seq(T(LeftBracket), R("semicolon_elements"), T(RightBracket))));
        Rule("finite_set", Any(
            Seq(T(LeftBrace), R("semicolon_elements"), T(RightBrace)),
            Seq(T(LeftBraceVisual), R("semicolon_elements"), T(RightBraceVisual)),
            Seq(T(Boxed), T(LeftBrace), R("semicolon_elements"), T(RightBrace))));
        Rule("set_elements_relation", Seq(R("atom_expr_list"), T(In, Assignment), R("semicolon_elements_no_relation")));
        Rule("set_elements", R("semicolon_elements"));
        Rule("semicolon_elements", List("comma_elements", Semicolon));
        Rule("semicolon_elements_no_relation", List("comma_elements_no_relation", Semicolon));
        Rule("comma_elements", List("element", Comma));
        Rule("comma_elements_no_relation", List("element_no_relation", Comma));
        Rule("element_no_relation", Any(R("plus_minus_expr"), R("set_atom"), R("expr")));
        Rule("element", Any(R("plus_minus_expr"), R("set_atom"), R("relation")));
        Rule("plus_minus_expr", Any(Seq(R("expr"), T(PlusMinus), R("expr")), Seq(T(PlusMinus), R("expr"))));
        Rule("literal_set", Any(
            T(Naturals, Integers, Rationals, Reals, Complexes, Primes, EmptySet), Seq(T(LeftBrace), T(RightBrace))));
        Rule("relation", Binary(
            R("expr"), T(In, Assignment, Equal, Approximately, Less, LessOrEqual, Greater, GreaterOrEqual, Unequal)));
        Rule("equality", Seq(R("expr"), T(Equal, Assignment), R("expr")));
    }

    private void DefineExpressions()
    {
        Pattern product = T(Mul, Div, Colon, Mod);
        Rule("expr", R("additive"));
        Rule("additive", Binary(R("mp"), T(Add, Sub)));
        Rule("mp", Binary(R("unary"), product));
        Rule("mp_nofunc", Binary(R("unary_nofunc"), product));
        Rule("unary", Any(Seq(T(Add, Sub), R("unary")),
            Seq(R("postfix"), new RepeatPattern(R("postfix"), MayEndProduct))));
        Rule("unary_nofunc", Any(Seq(T(Add, Sub), R("unary_nofunc")), Seq(R("postfix"), Many(R("postfix_nofunc")))));
        Rule("postfix", Seq(R("exp"), Many(R("postfix_op"))));
        Rule("postfix_nofunc", Seq(R("exp_nofunc"), Many(R("postfix_op"))));
        Rule("postfix_op", Any(T(Bang), R("eval_at"), T(Transpose), T(Degree)));
        Rule("eval_at", Seq(T(Bar), Any(Seq(R("eval_at_sup"), Opt(R("eval_at_sub"))), R("eval_at_sub"))));
        Rule("eval_at_sub", Seq(T(Underscore), T(LeftBrace), Any(R("expr"), R("equality")), T(RightBrace)));
        Rule("eval_at_sup", Seq(T(Caret), T(LeftBrace), Any(R("expr"), R("equality")), T(RightBrace)));

        // exp: exp CARET (atom | { expr }) subexpr? | comp
        Pattern power = Seq(T(Caret), R("exponent"), Opt(R("subexpr")));
        Rule("exponent", Any(R("atom"), Seq(T(LeftBrace), R("expr"), T(RightBrace))));
        Rule("exp", Seq(R("comp"), Many(power)));
        Rule("exp_nofunc", Seq(R("comp_nofunc"), Many(power)));
        Pattern[] beforeFunction =
        [
            R("group"), R("formatting_group"), R("norm_group"), R("abs_group"), R("dot_product"), R("floor_group"),
                R("ceil_group"),
        ];
        Pattern[] afterFunction = [R("atom"), R("frac"), R("binom"), R("matrix"), R("det")];
        Rule("comp", Any([.. beforeFunction, R("func"), .. afterFunction]));
        Rule("comp_nofunc", Any([.. beforeFunction, .. afterFunction]));

        Pattern name = T(Letter, Greek, OtherSymbol, Accent);
        Rule("atom_expr_no_supexpr", Seq(name, Opt(R("subexpr"))));
        Rule("atom_expr", Seq(name, Opt(Any(
            Seq(R("supexpr"), R("subexpr")), Seq(R("subexpr"), R("supexpr")), R("subexpr"), R("supexpr")))));
        Rule("atom_expr_list", Any(
            Seq(T(LeftParen), R("atom_expr"), Many(Seq(T(Comma), R("atom_expr"))), T(RightParen)), R("atom_expr")));
        Rule("number_subexpr", Seq(T(Number), Opt(R("subexpr"))));
        Rule("atom", Any(
            R("atom_expr"), T(Partial, Infinity), R("number_subexpr"),
                T(PercentNumber, ScientificNumber, CapitalE, Differential, Variable)));
        Rule("subexpr", Seq(
            T(Underscore), Any(R("atom"), Seq(T(LeftBrace), Any(R("expr"), R("args")), T(RightBrace)))));
        Rule("supexpr", Seq(T(Caret), Any(R("atom"), Seq(T(LeftBrace), R("expr"), T(RightBrace)))));
    }

    private void DefineGroups()
    {
        Rule("group", Any(
            Wrapped(LeftParen, RightParen), Wrapped(LeftGroup, RightGroup), Wrapped(LeftBrace, RightBrace),
            Wrapped(LeftBracket, RightBracket), Wrapped(LeftBraceVisual, RightBraceVisual),
            Wrapped(LeftBraceCommand, RightBraceCommand), Wrapped(LeftBrack, RightBrack)));
        Rule("formatting_group", Seq(T(Phantom, Boxed), T(LeftBrace), R("expr"), T(RightBrace)));
        Rule("norm_group", Wrapped(Norm, Norm));
        Rule("abs_group", Any(Wrapped(Bar, Bar), Wrapped(LeftVert, RightVert), Wrapped(Vert, Vert)));
        Rule("dot_product", Wrapped(LeftAngle, RightAngle));
        Rule("floor_group", Any(Wrapped(LeftFloor, RightFloor), Wrapped(LeftLowerCorner, RightLowerCorner)));
        Rule("ceil_group", Any(Wrapped(LeftCeiling, RightCeiling), Wrapped(LeftUpperCorner, RightUpperCorner)));
        Rule("frac", Seq(T(Frac), Braced("expr"), Braced("expr")));
        Rule("binom", Any(
            Seq(T(LeftBrace), R("expr"), T(Choose), R("expr"), T(RightBrace)),
                Seq(T(Binom), Braced("expr"), Braced("expr"))));
    }

    private void DefineFunctions()
    {
        Rule("func_normal_single_arg", Any(
            T(SingleArgumentFunction), Seq(T(OperatorName), T(LeftBrace), T(SingleArgumentName), T(RightBrace))));
        Rule("func_normal_multi_arg", Any(
            T(MultiArgumentFunction), Seq(T(OperatorName), T(LeftBrace), T(MultiArgumentName), T(RightBrace))));
        Pattern scripts = Any(Seq(Opt(R("subexpr")), Opt(R("supexpr"))), Seq(Opt(R("supexpr")), Opt(R("subexpr"))));
        Pattern both = Any(
            Seq(R("subexpr"), R("supexpr")), Seq(R("supexpr"), R("subexpr")),
            Seq(T(Underscore), T(LeftBrace), T(RightBrace), T(Caret), T(LeftBrace), T(RightBrace)),
            Seq(T(Caret), T(LeftBrace), T(RightBrace), T(Underscore), T(LeftBrace), T(RightBrace)));
        Rule("func", Any(
            Seq(R("func_normal_single_arg"), scripts, Any(
                Seq(T(LeftParen), R("func_single_arg"), T(RightParen)), R("func_single_arg_noparens"))),
            Seq(R("func_normal_multi_arg"), scripts, Any(
                Seq(T(LeftParen), R("func_multi_arg"), T(RightParen)), R("func_multi_arg_noparens"))),
            Seq(R("atom_expr_no_supexpr"), Opt(R("supexpr")), Any(
                Seq(T(LeftParen), R("func_common_args"), T(RightParen)),
                Seq(T(LeftBracket), R("func_common_args"), T(RightBracket)),
                Seq(T(LeftBrace), T(LeftParen), R("func_common_args"), T(RightParen), T(RightBrace)),
                Seq(T(LeftBrace), T(LeftBracket), R("func_common_args"), T(RightBracket), T(RightBrace)))),
            Seq(T(Integral), Opt(both), Any(Seq(Opt(R("additive")), T(Differential)), R("frac"), R("additive"))),
            Seq(T(SquareRoot), Opt(R("root")), T(LeftBrace), R("expr"), T(RightBrace)),
            Seq(T(Sum, Product), Any(Seq(R("subeq"), R("supexpr")), Seq(R("supexpr"), R("subeq"))), R("mp")),
            Seq(T(Limit), R("limit_sub"), R("mp")),
            Seq(T(Exponential), Opt(R("supexpr")))));
        Rule("root", Seq(T(LeftBracket), R("expr"), T(RightBracket)));
        Rule("args", Any(Seq(R("expr"), T(Comma), R("args")), R("expr")));
        Rule("func_common_args", Any(R("atom"), Seq(R("expr"), T(Comma)), Seq(R("expr"), T(Comma), R("args"))));
        Rule("limit_sub", Seq(
            T(Underscore), T(LeftBrace), T(Letter, Greek, OtherSymbol), T(Approaches), R("expr"),
            Opt(Seq(T(Caret), T(LeftBrace), T(Add, Sub), T(RightBrace))), T(RightBrace)));
        Rule("func_single_arg", R("expr"));
        Rule("func_single_arg_noparens", R("mp_nofunc"));
        Rule("func_multi_arg", Any(R("expr"), Seq(R("expr"), T(Comma), R("func_multi_arg"))));
        Rule("func_multi_arg_noparens", R("mp_nofunc"));
        Rule("subeq", Seq(T(Underscore), T(LeftBrace), R("equality"), T(RightBrace)));
    }

    private void DefineMatrices()
    {
        Pattern rows = Seq(R("matrix_row"), Many(Seq(T(NextRow), R("matrix_row"))), Opt(T(NextRow)));
        Rule("matrix", Seq(
            Any(Seq(T(MatrixStart), rows, T(MatrixEnd)), Seq(T(ArrayStart), rows, T(ArrayEnd))),
            Opt(Seq(
                T(RowArrow), Opt(Seq(T(LeftBracket), R("elementary_transforms"), T(RightBracket))),
                T(LeftBrace), R("elementary_transforms"), T(RightBrace)))));
        Rule("det", Seq(T(DeterminantStart), rows, T(DeterminantEnd)));
        Rule("matrix_row", Seq(R("expr"), Many(Seq(T(NextColumn), R("expr")))));
        Rule("transform_atom",
            Seq(T(Letter), T(Underscore), Any(T(Number), Seq(T(LeftBrace), T(Number), T(RightBrace)))));
        Rule("transform_scale", Seq(Any(R("expr"), R("group"), T(Add, Sub)), R("transform_atom")));
        Rule("transform_swap", Seq(R("transform_atom"), T(Exchange), R("transform_atom")));
        Rule("transform_assignment", Seq(R("transform_atom"), R("transform_scale")));
        Rule("elementary_transform", Any(R("transform_assignment"), R("transform_scale"), R("transform_swap")));
        Rule("elementary_transforms", List("elementary_transform", Comma));
    }

    private ParseRule R(string name)
    {
        if (!_rules.TryGetValue(name, out ParseRule? rule))
        {
            _rules.Add(name, rule = new ParseRule(name, _rules.Count));
        }

        return rule;
    }

    private void Rule(string name, Pattern body) => R(name).Body = body;

    private SequencePattern Wrapped(TokenKind open, TokenKind close) => Seq(T(open), R("expr"), T(close));

    private SequencePattern Braced(string rule) => Seq(T(LeftBrace), R(rule), T(RightBrace));

    private SequencePattern List(string rule, TokenKind separator) =>
        Seq(R(rule), ManyToTheEnd(Seq(T(separator), R(rule))));

    private static SequencePattern Binary(Pattern operand, Pattern operation) =>
        Seq(operand, ManyToTheEnd(Seq(operation, operand)));

    /// <summary>Factors side by side go on, except before dx (an integral's end) and before r_1 (a row of a
    /// matrix).</summary>
    private static bool MayEndProduct(ParseRun run, int position) =>
        run.Tokens[position].Kind == Differential
            || (run.Tokens[position].Kind == Letter && run.Tokens[position + 1].Kind == Underscore);

    private static RepeatPattern ManyToTheEnd(Pattern part) => new(part, (_, _) => false);

    private static TokenPattern T(params TokenKind[] kinds) => new(kinds);

    private static SequencePattern Seq(params Pattern[] parts) => new(parts);

    private static ChoicePattern Any(params Pattern[] alternatives) => new(alternatives);

    private static RepeatPattern Many(Pattern part) => new(part, null);

    private static OptionalPattern Opt(Pattern part) => new(part);
}
