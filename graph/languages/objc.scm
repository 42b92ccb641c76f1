(class_interface . (identifier) @name) @class
(class_implementation . (identifier) @name) @scope
(protocol_declaration . (identifier) @name) @interface
(method_declaration (identifier) @name) @method
(method_definition (identifier) @name) @method
(function_definition declarator: (function_declarator declarator: (identifier) @name)) @function
(struct_specifier name: (type_identifier) @name body: (_)) @class
(type_definition declarator: (type_identifier) @name) @type

;; references
(preproc_include path: [(string_literal) (system_lib_string)] @import)
(call_expression function: (identifier) @call)
(message_expression method: (identifier) @call)
(class_interface superclass: (identifier) @base)
(class_interface (parameterized_arguments (type_name (type_identifier) @base)))
(protocol_declaration (protocol_reference_list (identifier) @base))
(comment) @comment
(string_literal) @string
