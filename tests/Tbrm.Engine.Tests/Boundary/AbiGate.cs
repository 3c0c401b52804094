using NUnit.Framework;

namespace Tbrm.Engine.Tests.Boundary;

/// <summary>Runs before every test of the assembly: a drifted binding must be a message, not a dead test
/// host.</summary>
[SetUpFixture]
public sealed class AbiGate
{
    [OneTimeSetUp]
    public void The_binding_is_the_header()
    {
        AbiTests abi = new();
        abi.Every_declaration_in_the_header_has_one_binding_with_the_same_signature();
        abi.Struct_layout_is_what_the_library_was_built_with();
    }
}
